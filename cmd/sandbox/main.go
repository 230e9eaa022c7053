// Command sandbox runs the simulated payment companies in a process of its own,
// for people who try the worker by hand.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"refundworker/providers/sandbox"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "sandbox:", err)
		return 1
	}
	return 0
}

type settings struct {
	listen      string
	payments    string
	noSamples   bool
	settleDelay time.Duration
	latency     time.Duration
	quiet       bool
}

func newCommand() *cobra.Command {
	var o settings
	root := &cobra.Command{
		Use:   "sandbox",
		Short: "Simulate UnitPay, maib and Sberbank, with a ledger of the money moved",
		Long: `Simulate UnitPay, maib and Sberbank on this machine. It prints a providers
section for refunds.yaml, then one line for each call, until Ctrl-C. It holds
the payments that examples/refunds.csv refunds, keeps nothing, and talks to no
real company.

The ledger, faults on command, and further payments: see http://ADDRESS/control/
  curl 127.0.0.1:8090/control/ledger
  curl 127.0.0.1:8090/control/faults -d '{"company":"unitpay","payment":"1234512345","faults":[{"kind":"reset-after"}]}'`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return serve(c, o) },
	}
	root.PersistentFlags().StringVar(&o.listen, "listen", "127.0.0.1:8090", "host:port to listen on")
	root.Flags().StringVar(&o.payments, "payments", "", "CSV or JSON file of further payments (- for standard input)")
	root.Flags().BoolVar(&o.noSamples, "no-samples", false, "leave the sample payments and their faults out")
	root.Flags().DurationVar(&o.settleDelay, "settle-delay", time.Second, "how long maib takes to carry out a refund")
	root.Flags().DurationVar(&o.latency, "latency", 0, "how long each answer takes")
	root.Flags().BoolVar(&o.quiet, "quiet", false, "don't print a line for each call")
	root.AddCommand(&cobra.Command{
		Use:   "config",
		Short: "Print the providers section for refunds.yaml, and leave",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return printConfig(c.OutOrStdout(), "http://"+o.listen)
		},
	})
	return root
}

func serve(c *cobra.Command, o settings) error {
	var lines sync.Mutex
	out := c.OutOrStdout()
	options := sandbox.Options{SettleDelay: o.settleDelay, Latency: o.latency}
	if !o.quiet {
		options.Log = func(line string) {
			lines.Lock()
			defer lines.Unlock()
			fmt.Fprintln(out, time.Now().Format("15:04:05.000"), line)
		}
	}
	s := sandbox.New(options)
	defer s.Close()
	if !o.noSamples {
		sandbox.LoadSamples(s)
	}
	if err := loadPayments(s, o.payments, c.InOrStdin()); err != nil {
		return err
	}
	lines.Lock() // no call's line in the middle of the configuration
	if err := s.Start(o.listen); err != nil {
		lines.Unlock()
		return err
	}
	err := printConfig(out, s.URL())
	lines.Unlock()
	if err != nil {
		return err
	}
	<-c.Context().Done()
	return s.Close()
}

func loadPayments(s *sandbox.Server, file string, stdin io.Reader) error {
	var from io.Reader
	switch file {
	case "":
		return nil
	case "-":
		from = stdin
	default:
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	payments, err := sandbox.ReadPayments(from)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, p := range payments {
		s.AddPayment(p)
	}
	return nil
}

// printConfig prints what a refunds.yaml needs to reach the sandbox at base.
// The credentials are the sandbox's own, and worth nothing elsewhere.
func printConfig(w io.Writer, base string) error {
	_, err := fmt.Fprintf(w, `# The simulated companies at %[1]s, for refunds.yaml. No real money, no real secrets.
providers:
  unitpay:
    driver: unitpay
    base_url: %[1]s/unitpay/api
    secret_key: %[2]s
  maib:
    driver: maib
    base_url: %[1]s/maib
    client_id: %[3]s
    client_secret: %[4]s
    callback_url: http://127.0.0.1:8080   # where the worker listens; leave it out to poll only
  sberbank:
    driver: sberbank
    base_url: %[1]s/sberbank/payment/rest
    username: %[5]s
    password: %[6]s
`, base, sandbox.UnitPaySecret, sandbox.MaibClientID, sandbox.MaibClientSecret, sandbox.SberbankUser, sandbox.SberbankPassword)
	return err
}
