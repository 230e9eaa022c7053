// Command bench measures the whole path from queue to settled refund beside a
// bare asynq handler that makes the same HTTP call with no safety at all.
//
// Absolute figures say something about the machine only; the ratio, the round
// trips and the bytes say something about the code.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/providers/sandbox"
)

func main() {
	ctx, stop := cli.Interruptible()
	status := cli.Run(ctx, newCommand(), cli.Process())
	stop()
	os.Exit(status)
}

// settings are the flags.
type settings struct {
	refunds, rounds int
	concurrencies   []int // refunds at once, in both paths
	concurrency     int   // that of them which is measured
	provider        string
	preflight       bool
	bothPreflights  bool // the flag was not given
	redis           string
	appendfsync     string
	latencies       []time.Duration // of the simulated provider
	cpuProfile      string
	format          *cli.Format
}

// maxRefunds bounds a run: more would fill this machine's memory before they
// say anything new.
const maxRefunds = 5_000_000

// maxLatency keeps a slow provider from being taken for one that is stuck.
const maxLatency = time.Second

func newCommand() *cobra.Command {
	root, _ := newRoot()
	root.AddCommand(simulatorCommand(), podCommand(), allCommand())
	for _, e := range experiments() {
		root.AddCommand(e.command())
	}
	return root
}

// newRoot is the command without its subcommands, and its settings.
func newRoot() (*cobra.Command, *settings) {
	s := &settings{}
	root := &cobra.Command{
		Use:   "bench",
		Short: "Measure refunds per second beside a bare asynq handler",
		Long: `Measure the whole path beside a bare asynq handler that makes the same HTTP
call with no safety at all, in alternating rounds on one Redis. The simulated
provider and redis-server run in processes of their own and end with bench.

The ratio is the median over the rounds. A round in which a refund is lost,
paid twice or not settled ends the run with exit status 1.`,
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			s.bothPreflights = !cmd.Flags().Changed("preflight")
			return s.check()
		},
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return interrupted(cmd.Context(), run(cmd.Context(), *s, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		}),
	}
	f := root.Flags()
	f.IntVar(&s.refunds, "refunds", 5000, "refunds in each round")
	f.IntVar(&s.rounds, "rounds", 3, "rounds of each path")
	f.IntSliceVar(&s.concurrencies, "concurrency", []int{32}, "calls to the provider at once, in both paths; several, one after the other: 32,128")
	f.StringVar(&s.provider, "provider", sandbox.UnitPay, "unitpay, maib or sberbank")
	f.BoolVar(&s.preflight, "preflight", false, "ask the provider before each attempt (without the flag: both, one after the other)")
	f.StringVar(&s.redis, "redis", "", "URL of a Redis to use as it is; its database must be empty, and is emptied again (default: start redis-server)")
	f.DurationSliceVar(&s.latencies, "provider-latency", []time.Duration{0}, "how long each answer of the simulated provider takes; several, one after the other: 0s,20ms")
	f.StringVar(&s.cpuProfile, "cpuprofile", "", "write a CPU profile of one more round of ours, which does not count, to this file")
	f.StringVar(&s.appendfsync, "appendfsync", "", "no, everysec or always with an append-only file, off without one (default: off, then always)")
	s.format = cli.FormatFlag(root, cli.Text, markdown, cli.JSON)
	return root, s
}

func (s settings) check() error {
	if s.appendfsync != "" && s.redis != "" {
		return errors.New("--appendfsync is for the redis-server that bench starts; a Redis named by --redis is used as it is")
	}
	return firstOf(within("refunds", s.refunds, 1, maxRefunds), within("rounds", s.rounds, 1, 100), eachWithin("concurrency", s.concurrencies, 1, 1000),
		eachDurationWithin("provider-latency", s.latencies, 0, maxLatency), oneOf("provider", s.provider, sandbox.Companies),
		oneOf("appendfsync", cmp.Or(s.appendfsync, fsyncAlways), fsyncs))
}

// paths are those of our worker that are measured.
func (s settings) paths() []path {
	if s.bothPreflights {
		return []path{{}, {preflight: true}}
	}
	return []path{{preflight: s.preflight}}
}

// run measures, prints, and cleans up whatever happens.
func run(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	report := newReport(s)
	modes := []string{fsyncOff, fsyncAlways}
	switch {
	case s.redis != "":
		modes = []string{""}
	case s.appendfsync != "":
		modes = []string{s.appendfsync}
	}
	for _, mode := range modes {
		for _, latency := range s.latencies {
			for _, s.concurrency = range s.concurrencies {
				if err := measure(ctx, s, mode, latency, report, progress); err != nil {
					return err
				}
			}
		}
	}
	if *s.format == cli.JSON {
		return cli.WriteJSON(out, report)
	}
	return report.print(out, *s.format)
}

// measure makes all rounds on one Redis with one provider.
func measure(ctx context.Context, s settings, mode string, latency time.Duration, report *report, progress io.Writer) error {
	simulator, err := startSimulator(ctx, latency)
	if err != nil {
		return err
	}
	defer simulator.stop()
	store, err := openStore(ctx, s.redis, mode)
	if err != nil {
		return err
	}
	defer store.close()
	b := &bench{settings: s, store: store, simulator: simulator, trips: countTrips()}
	defer b.trips.stop()
	report.Machine.Redis = store.version
	bare := report.row(store.label, latency, s.concurrency, "bare asynq")
	paths := s.paths()
	rows := make([]*row, len(paths))
	for i, p := range paths {
		rows[i] = report.row(store.label, latency, s.concurrency, p.name())
	}
	if err := b.small().warmUp(ctx, paths); err != nil {
		return err
	}
	for round := range s.rounds {
		fmt.Fprintf(progress, "%s, provider answers after %s, %d at once: round %d of %d\n", store.label, latency, s.concurrency, round+1, s.rounds)
		first, err := b.round(ctx, bareSide{b})
		if err != nil {
			return fmt.Errorf("round %d, bare asynq: %w", round+1, err)
		}
		bare.add(first, first)
		for i, p := range paths {
			ours, err := b.round(ctx, &ourSide{bench: b, path: p})
			if err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, p.name(), err)
			}
			if ours.Moved != first.Moved {
				return fmt.Errorf("round %d: %s moved %d minor units and bare asynq %d", round+1, p.name(), ours.Moved, first.Moved)
			}
			rows[i].add(ours, first)
		}
	}
	if s.cpuProfile != "" && !report.profiled {
		report.profiled = true
		if err := b.writeProfile(ctx, paths[0]); err != nil {
			return fmt.Errorf("--cpuprofile: %w", err)
		}
	}
	if store.watchable() && report.Trace == nil {
		report.Trace, err = b.trace(ctx, paths[0])
	}
	return err
}
