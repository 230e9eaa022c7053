package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/examples"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// demoTime bounds --demo --once: the samples settle in a fraction of it.
const demoTime = 2 * time.Minute

// demoConfig is the demo's configuration: short waits, so that a person sees
// what usually takes minutes.
const demoConfig = `
redis: redis://%[1]s/0
durability: none
listen: %[2]s
retry: {initial: 200ms, max: 2s}
providers:
  unitpay:
    driver: unitpay
    base_url: %[3]s
    secret_key: ${UNITPAY_SECRET_KEY}
    rate_limit: 10/s
    timeout: 1s
    reconcile: {first: 1s, settle: 5s}
  maib:
    driver: maib
    base_url: %[4]s
    client_id: ${MAIB_CLIENT_ID}
    client_secret: ${MAIB_CLIENT_SECRET}
    callback_url: http://%[2]s
    rate_limit: 10/s
    poll: {initial: 500ms, max: 2s}
    reconcile: {first: 1s, settle: 5s}
  sberbank:
    driver: sberbank
    base_url: %[5]s
    username: ${SBERBANK_USERNAME}
    password: ${SBERBANK_PASSWORD}
    rate_limit: 10/s
    reconcile: {first: 1s, settle: 5s}
`

// demoEnv are the sandbox's credentials, which open nothing else.
var demoEnv = map[string]string{
	"UNITPAY_SECRET_KEY": sandbox.UnitPaySecret,
	"MAIB_CLIENT_ID":     sandbox.MaibClientID, "MAIB_CLIENT_SECRET": sandbox.MaibClientSecret,
	"SBERBANK_USERNAME": sandbox.SberbankUser, "SBERBANK_PASSWORD": sandbox.SberbankPassword,
}

// demo runs a whole worker against an embedded Redis and simulated providers.
func demo(ctx context.Context, once bool, out io.Writer, log *zap.Logger, tracer trace.Tracer) error {
	store := miniredis.NewMiniRedis()
	if err := store.Start(); err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	defer store.Close()
	companies := sandbox.New(sandbox.Options{})
	if err := companies.Start("127.0.0.1:0"); err != nil {
		return fmt.Errorf("start the simulated providers: %w", err)
	}
	defer companies.Close()
	sandbox.LoadSamples(companies)

	listen, err := demoAddress()
	if err != nil {
		return err
	}
	text := fmt.Sprintf(demoConfig, store.Addr(), listen, companies.BaseURL(sandbox.UnitPay), companies.BaseURL(sandbox.Maib), companies.BaseURL(sandbox.Sberbank))
	cfg, err := config.Load("demo.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		Env:      func(name string) (string, bool) { v, ok := demoEnv[name]; return v, ok },
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		return err
	}
	w, err := worker.New(cfg, worker.Options{Log: log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel)), Name: "demo", Tracer: tracer})
	if err != nil {
		return err
	}
	d := &demonstration{cfg: cfg, companies: companies, out: out, listen: listen, tracer: tracer}
	return d.run(ctx, w, store, once)
}

// demoAddress is the usual address, or a free one if that is taken.
func demoAddress() (string, error) {
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:0"} {
		if l, err := net.Listen("tcp", address); err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port on 127.0.0.1 for the demo")
}

type demonstration struct {
	cfg       *config.Config
	companies *sandbox.Server
	out       io.Writer
	listen    string
	backend   *tasks.Backend
	tracer    trace.Tracer
	rows      []demoRow
}

type demoRow struct {
	request refund.Request
	receipt tasks.Receipt
}

func (d *demonstration) run(ctx context.Context, w *worker.Worker, store *miniredis.Miniredis, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// miniredis' keys live for ever unless it is told that time goes by.
	go func() {
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
				store.FastForward(time.Second)
			}
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()

	err := d.show(ctx, once)
	if err == nil && !once {
		fmt.Fprintln(d.out, "\nThe worker stays up: Ctrl-C ends it, and all of this is forgotten.")
		select {
		case <-ctx.Done():
		case err = <-ended:
			return err
		}
	}
	cancel()
	if stopped := <-ended; err == nil {
		err = stopped
	}
	return err
}

// show enqueues the samples and tells what becomes of them.
func (d *demonstration) show(ctx context.Context, once bool) error {
	fmt.Fprintf(d.out, "DEMO: this keeps NOTHING. Redis is embedded, the providers are simulated, no money moves.\n")
	fmt.Fprintf(d.out, "pages: http://%s/\nhealth and metrics: http://%s/healthz http://%s/metrics\n\n", d.listen, d.listen, d.listen)
	var err error
	if d.backend, err = tasks.Open(ctx, d.cfg); err != nil {
		return err
	}
	defer d.backend.Close()
	d.backend.Tracer = d.tracer
	if err := d.enqueue(ctx); err != nil {
		return err
	}
	if once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, demoTime)
		defer cancel()
	}
	if err := d.follow(ctx); err != nil {
		if !once && ctx.Err() != nil {
			return nil
		}
		return err
	}
	return d.table(ctx)
}

func (d *demonstration) enqueue(ctx context.Context) error {
	enqueuer := tasks.NewEnqueuer(d.backend, d.cfg)
	requests, err := sampleRequests(examples.Refunds)
	if err != nil {
		return err
	}
	for _, r := range requests {
		receipt, err := enqueuer.Enqueue(ctx, r, tasks.By("demo"))
		if err != nil {
			return fmt.Errorf("enqueue %s: %w", r.RefundID, err)
		}
		d.rows = append(d.rows, demoRow{r, receipt})
		line := fmt.Sprintf("%-9s %-24s %s %s", receipt.Status, r.RefundID, amountOf(r.Amount), r.Currency)
		if receipt.Message != "" {
			line += ": " + receipt.Message
		}
		fmt.Fprintln(d.out, line)
	}
	fmt.Fprintln(d.out)
	return nil
}

// follow prints a line for each refund that settles, until all have.
func (d *demonstration) follow(ctx context.Context) error {
	open := map[string]bool{}
	for _, row := range d.rows {
		if row.receipt.Status == tasks.Queued {
			open[row.request.RefundID] = true
		}
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for len(open) > 0 {
		for id := range open {
			rec, err := d.backend.Journal.Get(ctx, id)
			if err != nil {
				return fmt.Errorf("read refund %s: %w", id, err)
			}
			if rec.State.Terminal() || rec.State == refund.Review {
				delete(open, id)
				fmt.Fprintf(d.out, "%-9s %-24s %s %s after %s, %d attempt(s)%s\n", rec.State, id, amountOf(rec.Asked), rec.Currency,
					rec.Updated.Sub(rec.Created).Round(10*time.Millisecond), rec.Attempts, because(rec))
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d sample refunds have not settled: %w", len(open), ctx.Err())
		}
	}
	return nil
}

func because(rec *journal.Record) string {
	if rec.ReasonCode == "" {
		return ""
	}
	return " (" + rec.ReasonCode + ")"
}

func amountOf(asked string) string {
	if asked == "" {
		return "full"
	}
	return asked
}

// table compares what the journal says with what the simulated providers paid.
func (d *demonstration) table(ctx context.Context) error {
	fmt.Fprintln(d.out)
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REFUND\tPROVIDER\tASKED\tSTATE\tREASON\tATTEMPTS\tMOVED (JOURNAL)\tMOVED (PAYMENT AT PROVIDER)")
	for _, row := range d.rows {
		r := row.request
		paid := refund.Money{Minor: d.companies.Moved(r.Provider, r.PaymentID), Currency: refund.Currency(r.Currency)}
		state, reason, attempts, moved := string(row.receipt.Status), row.receipt.Rule, "0", "-"
		if row.receipt.Status == tasks.Queued {
			rec, err := d.backend.Journal.Get(ctx, r.RefundID)
			if err != nil {
				return fmt.Errorf("read refund %s: %w", r.RefundID, err)
			}
			v := rec.View()
			state, reason, attempts = string(rec.State), rec.ReasonCode, fmt.Sprint(rec.Attempts)
			if v.AmountMoved != "" {
				moved = v.AmountMoved
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", r.RefundID, r.Provider, amountOf(r.Amount), r.Currency,
			state, strings.TrimSpace(reason), attempts, moved, paid)
	}
	return t.Flush()
}
