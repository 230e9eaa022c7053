package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/providers/all"
	"refundworker/redisconn"
	"refundworker/tasks"
)

// Bounds of an examination.
const (
	doctorTime = 30 * time.Second // in all
	checkTime  = 8 * time.Second  // of one group of checks
	someTasks  = 20               // tasks and refunds that are looked into, of each kind
)

// verdict is what a check comes to.
type verdict string

const (
	well verdict = "ok"
	warn verdict = "warn"
	ill  verdict = "fail"
)

// checked is one line of an examination.
type checked struct {
	Check   string  `json:"check"`
	Subject string  `json:"subject"` // a server or a provider; empty: all together
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`
	Fix     string  `json:"fix"` // what to do; empty where all is well
}

// diagnosis is the whole answer.
type diagnosis struct {
	Verdict verdict   `json:"verdict"` // the worst of all
	Checks  []checked `json:"checks"`
}

func (d *diagnosis) add(v verdict, check, subject, fix, found string, args ...any) {
	if v == well {
		fix = ""
	}
	d.Checks = append(d.Checks, checked{check, subject, v, cli.OneLine(fmt.Sprintf(found, args...)), fix})
	if v == ill || v == warn && d.Verdict == well {
		d.Verdict = v
	}
}

func (c *control) doctor() *cobra.Command {
	var secrets bool
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine Redis, the workers, the providers and what is stuck",
		Long: `Examine what a refund depends on: Redis's settings, durability and clock, the
running workers and the sweeper, the providers' pauses, limits and accounts, and
refunds, tasks and events that stand still. Each check says ok, warn or fail, and
what to do. It changes nothing, and costs the same however many refunds there are.

refundctl holds no secrets: of the credentials it knows what the workers met last.
--secrets resolves those of the configuration, which must be there then, compares
the accounts' names, and makes a harmless call where the driver has one; the call
takes a slot of the provider's rate limit.

JSON is one object: {"verdict":"ok","checks":[{"check","subject","verdict","found",
"fix"}]}. Exit status: 0 ok or warnings only, 1 something failed, 5 Redis not
reached.`,
		Example: `  refundctl doctor
  refundctl doctor -o json | jq '.checks[] | select(.verdict != "ok")'
  refundctl doctor --secrets`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.setup.ConfigWith(config.Options{Drivers: all.Drivers, ResolveSecrets: secrets})
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), doctorTime)
			defer cancel()
			s, err := unchecked(cfg)
			if err != nil {
				return err
			}
			defer s.Close()
			d := &diagnosis{Verdict: well, Checks: []checked{}}
			reached := c.examine(ctx, s, d, secrets)
			if err := d.write(c.screen, cmd.OutOrStdout(), *format); err != nil {
				return err
			}
			switch {
			case reached != nil:
				return &cli.Exit{Status: cli.NoRedis}
			case d.Verdict == ill:
				return &cli.Exit{Status: cli.Failed}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&secrets, "secrets", false, "resolve the providers' secrets, and try them with a harmless call")
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

// unchecked is a session with a Redis that need not be fit: that is what is to be
// found out. Nothing is written over it.
func unchecked(cfg *config.Config) (*cli.Session, error) {
	rdb, err := redisconn.Open(cfg.Redis)
	if err != nil {
		return nil, err
	}
	queues, err := redisconn.Open(cfg.Redis)
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	return &cli.Session{Config: cfg, Backend: tasks.NewBackend(rdb, queues, cfg, redisconn.Report{})}, nil
}

// examine makes all checks. Its error says that Redis was not reached, and that
// nothing else could be looked into.
func (c *control) examine(ctx context.Context, s *cli.Session, d *diagnosis, secrets bool) error {
	if err := d.redis(ctx, s); err != nil {
		d.add(ill, "redis", "", "start Redis, or mend redis: in the configuration, the network or the password", "not reached: %s", err)
		return err
	}
	for _, group := range []struct {
		name string
		look func(ctx context.Context, s *cli.Session) error
	}{
		{"workers", d.workers},
		{"providers", d.providers},
		{"journal", d.journal},
		{"queues", d.queues},
		{"accounts", func(ctx context.Context, s *cli.Session) error { return d.accounts(ctx, s, secrets) }},
	} {
		bounded, cancel := context.WithTimeout(ctx, checkTime)
		if err := group.look(bounded, s); err != nil {
			d.add(ill, group.name, "", "try again; if it stays, look at Redis's log and the user's permissions", "can't be looked into: %s", s.Explain(ctx, err))
		}
		cancel()
	}
	return nil
}

func (d *diagnosis) write(screen *cli.Screen, w io.Writer, f cli.Format) error {
	if f == cli.JSON {
		return cli.WriteJSON(w, d)
	}
	colors := map[verdict]cli.Color{well: cli.Good, warn: cli.Wait, ill: cli.Bad}
	t := screen.NewTable(w, cli.Column{Title: "VERDICT"}, cli.Column{Title: "CHECK"}, cli.Column{Title: "OF", Least: 8, Drop: 1},
		cli.Column{Title: "FOUND", Least: 16, Wrap: true}, cli.Column{Title: "FIX", Least: 12, Wrap: true})
	counts := map[verdict]int{}
	for _, one := range d.Checks {
		counts[one.Verdict]++
		t.Row(screen.Paint(colors[one.Verdict], string(one.Verdict)), one.Check, one.Subject, one.Found, one.Fix)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d ok, %d warnings, %d failed\n", counts[well], counts[warn], counts[ill])
	return err
}
