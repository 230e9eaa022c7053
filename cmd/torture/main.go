// Command torture looks for a refund that is paid twice or lost: several worker
// processes, a real Redis and the simulated companies, while workers are killed
// and frozen, Redis is killed and restarted, and a proxy between them cuts,
// delays and swallows what they say to each other.
//
// It moves no real money and talks to nothing but its own children.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"refundworker/internal/cli"
)

func main() {
	ctx, stop := cli.Interruptible()
	status := cli.Run(ctx, newCommand(), cli.Process())
	stop()
	os.Exit(status)
}

// settings are the flags.
type settings struct {
	refunds, crew    int // crew: worker processes
	seed             uint64
	length           time.Duration // of the troubles
	patience         time.Duration // how long what is open may take afterwards
	longest          time.Duration // that a worker stands still
	noKill, noFreeze bool
	noRestart, noCut bool
	workerProgram    string
	redisProgram     string
	keep             bool
	verbose          bool
	format           *cli.Format
}

func newCommand() *cobra.Command {
	var s settings
	root := &cobra.Command{
		Use:   "torture",
		Short: "Look for a refund that is paid twice or lost while everything breaks",
		Long: `Run worker processes on a real redis-server (appendonly yes, appendfsync always)
and simulated companies that fail in every way they can, while workers are killed
with SIGKILL and frozen with SIGSTOP, Redis is killed and restarted on its
append-only file, and a proxy between them cuts connections, delays them, and
swallows requests and answers. Then compare the journal with what really moved.

Everything runs on this machine, in a temporary folder, and ends with torture.
What happens follows from --seed; in which order, from the machine too.

Exit status: 0 if nothing was paid twice, lost or wrong, 1 otherwise.`,
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return s.check() },
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), s, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	f := root.Flags()
	f.IntVar(&s.refunds, "refunds", 2000, "refunds, over the three companies")
	f.IntVar(&s.crew, "workers", 3, "worker processes")
	f.Uint64Var(&s.seed, "seed", 1, "what all chance comes from")
	f.DurationVar(&s.length, "for", time.Minute, "how long things break")
	f.DurationVar(&s.patience, "settle-within", 3*time.Minute, "how long the rest may take when nothing breaks any more")
	f.DurationVar(&s.longest, "freeze", 12*time.Second, "the longest time that a worker stands still; the companies' settling time follows from it")
	f.BoolVar(&s.noKill, "no-kill", false, "don't kill workers")
	f.BoolVar(&s.noFreeze, "no-freeze", false, "don't freeze workers")
	f.BoolVar(&s.noRestart, "no-redis-restart", false, "don't kill Redis")
	f.BoolVar(&s.noCut, "no-cut", false, "leave the connections to Redis alone")
	f.StringVar(&s.workerProgram, "worker", "", "the worker's program (default: built from this module with go build)")
	f.StringVar(&s.redisProgram, "redis-server", "", "the redis-server program (default $REDIS_SERVER, else the one in $PATH)")
	f.BoolVar(&s.keep, "keep", false, "keep the folder with logs and the append-only file")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "tell each trouble as it is made")
	s.format = cli.FormatFlag(root, cli.Text, cli.JSON)
	root.AddCommand(companiesCommand())
	return root
}

func (s settings) check() error {
	switch {
	case s.refunds < 3 || s.refunds > 1_000_000:
		return fmt.Errorf("--refunds must be from 3 to 1000000")
	case s.crew < 1 || s.crew > 50:
		return fmt.Errorf("--workers must be from 1 to 50")
	case s.length <= 0 || s.length > 24*time.Hour || s.patience <= 0 || s.patience > 24*time.Hour:
		return fmt.Errorf("--for and --settle-within must be more than 0 and at most 24h")
	case s.longest <= 0 || s.longest > 10*time.Minute:
		return fmt.Errorf("--freeze must be more than 0 and at most 10m")
	}
	return nil
}

// run builds the stage, makes the troubles, and judges. The error says that the
// run could not be made or that a promise was broken.
func run(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "refund-torture-")
	if err != nil {
		return err
	}
	if s.keep {
		fmt.Fprintln(progress, "everything is kept in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime+s.length+s.patience+2*time.Minute)
	defer cancel()
	st, err := openStage(ctx, s, dir, progress)
	if err != nil {
		return err
	}
	defer st.close()
	plan := newPlan(s)
	if err := st.companies.prepare(ctx, plan); err != nil {
		return err
	}
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return st.enqueue(both, plan) })
	group.Go(func() error { return st.trouble(both) })
	if err := group.Wait(); err != nil {
		return err
	}
	if err := st.settle(ctx); err != nil {
		return err
	}
	result, err := st.judge(ctx, plan)
	if err != nil {
		return err
	}
	if *s.format == cli.JSON {
		err = cli.WriteJSON(out, result)
	} else {
		err = result.print(out)
	}
	if err == nil && result.broken() {
		err = fmt.Errorf("a promise is BROKEN (seed %d): see the table", s.seed)
	}
	return err
}
