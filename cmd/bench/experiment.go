package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"refundworker/internal/cli"
	"refundworker/providers/sandbox"
)

// experiment is a subcommand that measures one thing.
type experiment struct {
	name, short, long string
	flags             func(*pflag.FlagSet) // sets the defaults too
	check             func() error
	run               func(context.Context, *lab) (finding, error)
}

// finding is what an experiment found out: it is printed as JSON, or as tables.
type finding interface{ sheets() []sheet }

// experiments are all of them, with settings of their own.
func experiments() []experiment {
	return []experiment{latencyExperiment(), growthExperiment(), memoryExperiment(), podsExperiment(), limitsExperiment(), neighboursExperiment(), providersExperiment(), enqueueExperiment(), clusterExperiment(), piecesExperiment()}
}

func (e experiment) command() *cobra.Command {
	cmd := &cobra.Command{Use: e.name, Short: e.short, Long: e.long, Args: cobra.NoArgs}
	e.flags(cmd.Flags())
	format := cli.FormatFlag(cmd, cli.Text, markdown, cli.JSON)
	cmd.PreRunE = func(*cobra.Command, []string) error { return e.check() }
	cmd.RunE = cli.Action(func(cmd *cobra.Command, _ []string) error {
		found, at, err := e.measure(cmd.Context(), cmd.ErrOrStderr())
		if err != nil {
			return interrupted(cmd.Context(), err)
		}
		if *format == cli.JSON {
			return cli.WriteJSON(cmd.OutOrStdout(), map[string]any{"machine": at, e.name: found})
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), at); err != nil {
			return err
		}
		return writeSheets(cmd.OutOrStdout(), *format, found.sheets())
	})
	return cmd
}

// measure runs the experiment and ends all that it started.
func (e experiment) measure(ctx context.Context, progress io.Writer) (finding, machine, error) {
	at := thisMachine()
	l := &lab{progress: progress}
	defer l.close()
	found, err := e.run(ctx, l)
	at.Redis = l.redis
	return found, at, err
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &cli.Exit{Status: cli.Failed, Err: errors.New("interrupted; nothing that was started is left")}
	}
	return err
}

// lab starts what an experiment needs, and ends it.
type lab struct {
	progress io.Writer
	redis    string // the version that was used
	ends     []func()
}

func (l *lab) close() {
	for i := len(l.ends) - 1; i >= 0; i-- {
		l.ends[i]()
	}
	l.ends = nil
}

func (l *lab) say(format string, args ...any) { fmt.Fprintf(l.progress, format+"\n", args...) }

// bench starts a Redis and the simulated providers.
func (l *lab) bench(ctx context.Context, s settings, fsync string) (*bench, error) {
	if s.provider == "" {
		s.provider = sandbox.UnitPay
	}
	var latency time.Duration
	if len(s.latencies) > 0 {
		latency = s.latencies[0]
	}
	simulator, err := startSimulator(ctx, latency)
	if err != nil {
		return nil, err
	}
	l.ends = append(l.ends, simulator.stop)
	store, err := l.store(ctx, fsync)
	return &bench{settings: s, store: store, simulator: simulator}, err
}

// store starts a Redis.
func (l *lab) store(ctx context.Context, fsync string) (*store, error) {
	s, err := openStore(ctx, "", fsync)
	if err != nil {
		return nil, err
	}
	l.ends = append(l.ends, s.close)
	l.redis = s.version
	return s, nil
}
