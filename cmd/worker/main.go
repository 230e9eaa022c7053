// Command worker takes refunds from the queue and carries them out.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/tracing"
	"refundworker/worker"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(worker.GCPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Exit statuses.
const (
	statusOK    = 0
	statusError = 1
	statusUsage = 2
)

type flags struct {
	config   string
	logLevel string
	check    bool
	health   bool
	demo     bool
	once     bool
}

// run is the command with everything it touches given to it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	status := statusUsage // until cobra is done with the arguments
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Carry out refunds from the queue, each at most once",
		Long: "worker takes refunds from their Redis queues and carries them out at the payment\n" +
			"providers of its configuration. SIGTERM drains it: running attempts finish,\n" +
			"nothing new begins.\n\n" +
			"Exit status: 0 after a drain or a check that passed, 1 after an error, 2 for wrong usage.",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.once && !f.demo {
				return fmt.Errorf("--once goes with --demo")
			}
			level, err := zapcore.ParseLevel(f.logLevel)
			if err != nil {
				return fmt.Errorf("--log-level: %w", err)
			}
			status = statusError
			log := newLog(level, stderr)
			if f.health {
				return healthcheck(cmd.Context(), f.config)
			}
			traces, err := tracing.Start(cmd.Context(), "refund-worker", func(err error) {
				log.Warn("spans are lost: look at the collector and at OTEL_EXPORTER_OTLP_ENDPOINT; refunds go on", zap.Error(err))
			})
			if err != nil {
				return err
			}
			if f.demo {
				err = demo(cmd.Context(), f.once, stdout, log, traces.Tracer())
			} else {
				err = work(cmd.Context(), f, stdout, log, traces.Tracer())
			}
			if lost := traces.Close(); lost != nil {
				log.Warn("the trace is incomplete", zap.Error(lost))
			}
			return err
		},
	}
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration file (default $REFUND_CONFIG, else ./refunds.yaml)")
	cmd.Flags().BoolVar(&f.check, "check", false, "validate the configuration, reach Redis, and leave")
	cmd.Flags().BoolVar(&f.health, "healthcheck", false, "ask the worker on this machine whether it takes refunds, and leave; for containers")
	cmd.Flags().BoolVar(&f.demo, "demo", false, "show it all with an embedded Redis and simulated providers; keeps nothing")
	cmd.Flags().BoolVar(&f.once, "once", false, "with --demo: leave when every sample refund has settled")
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return status
	}
	return statusOK
}

func work(ctx context.Context, f flags, stdout io.Writer, log *zap.Logger, tracer trace.Tracer) error {
	cfg, err := config.Load(config.Find(f.config), config.Options{Drivers: all.Drivers, ResolveSecrets: true})
	if err != nil {
		return err
	}
	w, err := worker.New(cfg, worker.Options{Log: log, Tracer: tracer})
	if err != nil {
		return err
	}
	if f.check {
		report, err := w.Check(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s: ok, %d providers\nredis: %s\n", cfg.File, len(cfg.Providers), report)
		return nil
	}
	return w.Run(ctx)
}
