package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/ratelimit"
	"refundworker/refund"
	"refundworker/tasks"
)

// Bounds of what is well about the work.
const (
	lateAfter   = 2 * time.Minute // the sweeper looks after what is overdue within seconds
	eventsWarn  = time.Minute
	eventsIll   = 10 * time.Minute
	sweeperWait = 3 * time.Second // longer than a worker takes to take the sweep up
	barredWarn  = time.Minute
)

// workers looks at the heartbeats, and at the spare clockwork.
func (d *diagnosis) workers(ctx context.Context, s *cli.Session) error {
	servers, err := s.Backend.Servers()
	if err != nil {
		return err
	}
	byProvider, hosts := map[string]int{}, map[string]bool{}
	for _, one := range servers {
		byProvider[one.Provider]++
		hosts[fmt.Sprintf("%s/%d", one.Host, one.PID)] = true
	}
	if len(servers) == 0 {
		d.add(ill, "workers", "", "start a worker", "none is running: refunds are taken in and nothing is sent")
	} else {
		d.add(well, "workers", "", "", "%d running, asynq %s here", len(hosts), asynqVersion())
	}
	for _, p := range s.Config.Providers {
		if len(servers) > 0 && byProvider[p.Name] == 0 {
			d.add(ill, "workers", p.Name, "restart the workers with the configuration that has this provider", "no worker serves its queue")
		}
	}
	name, err := s.Backend.Sweeper(ctx)
	for wait := time.Duration(0); err == nil && name == "" && len(servers) > 0 && wait < sweeperWait; wait += sweeperWait / 6 {
		select {
		case <-time.After(sweeperWait / 6): // one may have stopped this very moment, and another takes over
		case <-ctx.Done():
			return ctx.Err()
		}
		name, err = s.Backend.Sweeper(ctx)
	}
	switch {
	case err != nil:
		return err
	case name == "":
		d.add(ill, "sweeper", "", "start a worker; if one is running, look at its log", "none: what a dead worker left is not taken up")
	default:
		d.add(well, "sweeper", "", "", "%s sweeps", name)
	}
	return nil
}

func asynqVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/hibiken/asynq" {
			return dep.Version
		}
	}
	return "of unknown version"
}

// providers looks at pauses, at the last word on credentials, and at limits.
func (d *diagnosis) providers(ctx context.Context, s *cli.Session) error {
	o, limiter := tasks.NewOperator(s.Backend, s.Config), ratelimit.New(s.Backend.Redis)
	for _, p := range s.Config.Providers {
		status, err := o.Paused(ctx, p.Name)
		if err != nil {
			return err
		}
		now, err := s.Backend.Journal.Now(ctx)
		if err != nil {
			return err
		}
		worked := "no call has worked yet"
		if !status.LastGood.IsZero() {
			worked = "a call worked " + ago(max(0, now.Sub(status.LastGood))) + " ago"
		}
		since := cli.Stamp(status.Since)
		switch status.Reason {
		case "":
			d.add(well, "provider", p.Name, "", "runs; %s", worked)
		case pause.ReasonOperator:
			d.add(warn, "provider", p.Name, "refundctl resume "+p.Name+", when the reason is over", "paused by %s since %s: %s", status.By, since, status.Detail)
		case pause.ReasonCredentials:
			d.add(ill, "provider", p.Name, "mend its secret and restart the workers", "refuses the credentials since %s: %s", since, status.Detail)
		default:
			d.add(ill, "provider", p.Name, "ask the provider; it is tried again by itself, refundctl resume "+p.Name+" tries at once", "paused since %s: %s", since, status.Detail)
		}
		usage, err := limiter.Usage(ctx, p.Name)
		if err != nil {
			return err
		}
		limit := fmt.Sprintf("%s, burst %d", p.RateLimit, p.Burst)
		switch {
		case usage.Barred > barredWarn:
			d.add(warn, "rate limit", p.Name, "lower rate_limit below what the provider takes", "%s; barred by the provider for %s more", limit, usage.Barred.Round(time.Second))
		case usage.Barred > 0:
			d.add(well, "rate limit", p.Name, "", "%s; barred for %s more", limit, usage.Barred.Round(time.Millisecond))
		default:
			d.add(well, "rate limit", p.Name, "", "%s; slots are taken %s ahead", limit, usage.Ahead.Round(time.Millisecond))
		}
	}
	return nil
}

// journal looks at what is overdue, at events and at the mark of a restore.
func (d *diagnosis) journal(ctx context.Context, s *cli.Session) error {
	st, err := s.Backend.Journal.Standing(ctx, lateAfter, someTasks)
	if err != nil {
		return err
	}
	var lost []string
	for _, rec := range st.SomeOverdue {
		has, err := s.Backend.HasTask(rec)
		if err != nil {
			return err
		}
		if !has {
			lost = append(lost, rec.ID)
		}
	}
	switch {
	case st.Working > 0:
		d.add(ill, "overdue", "", "see that a worker with all providers runs; refundctl show tells what each waits for", "%d refunds should have been looked after more than %s ago%s", st.Working, lateAfter, names(st.SomeOverdue))
	case len(lost) > 0:
		d.add(ill, "overdue", "", "see that a worker runs: its sweeper puts the tasks back", "queued refunds have no task: %s", strings.Join(lost, ", "))
	case st.OverdueGone > 0:
		d.add(warn, "overdue", "", "the sweeper drops them when it comes by", "%d refunds are due and have no record", st.OverdueGone)
	default:
		d.add(well, "overdue", "", "", "nothing; %d queued refunds wait for their turn", st.Queued)
	}
	age := st.Now.Sub(st.OldestEvent)
	const eventsFix = "see that a worker runs, and that Redis takes writes to refunds:events"
	switch {
	case st.Events == 0:
		d.add(well, "events", "", "", "none waits to be relayed")
	case age > eventsIll:
		d.add(ill, "events", "", eventsFix, "%d wait, the oldest for %s", st.Events, ago(age))
	case age > eventsWarn:
		d.add(warn, "events", "", eventsFix, "%d wait, the oldest for %s", st.Events, ago(age))
	default:
		d.add(well, "events", "", "", "%d wait, not for long", st.Events)
	}
	const restoreFix = `refundctl after-restore --done, when what the backup forgot is enqueued again`
	switch st.Restored {
	case 0:
		d.add(well, "restored", "", "", "the journal bears no mark of a restored backup")
	case journal.Buckets:
		d.add(warn, "restored", "", restoreFix, "marked as restored from a backup: attempts need proof first")
	default:
		d.add(warn, "restored", "", "if you ran refundctl after-restore, run it again: it was interrupted; else "+restoreFix,
			"%d of %d buckets are marked as restored: by a failover of their master, or by half an after-restore", st.Restored, journal.Buckets)
	}
	return d.states(ctx, s)
}

func names(list []*journal.Record) string {
	var ids []string
	for _, rec := range list {
		if rec.State != refund.Queued && len(ids) < 5 {
			ids = append(ids, rec.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return ", such as " + strings.Join(ids, ", ")
}

// states looks at what waits for people, and at providers that are gone.
func (d *diagnosis) states(ctx context.Context, s *cli.Session) error {
	stats, err := s.Backend.Journal.Stats(ctx)
	if err != nil {
		return err
	}
	now, err := s.Backend.Journal.Now(ctx)
	if err != nil {
		return err
	}
	reviews := int64(0)
	for _, st := range stats {
		p, configured := s.Config.Provider(st.Provider)
		age := now.Sub(st.Oldest)
		switch {
		case st.State.Terminal():
		case !configured:
			d.add(ill, "names", st.Provider, "configure the provider under this name until they have settled", "%d refunds are %s, and no such provider is configured", st.Count, st.State)
		case st.State == refund.Review:
			reviews += st.Count
		case st.State == refund.Unknown && age > p.Reconcile.Settle+time.Hour:
			d.add(warn, "unknown", st.Provider, "refundctl list --state unknown, and show what each waits for", "%d refunds, the oldest for %s", st.Count, ago(age))
		case st.State == refund.Sending && age > p.Timeout+lateAfter:
			d.add(ill, "sending", st.Provider, "see that a worker runs: its sweeper takes them up", "%d refunds, the oldest for %s", st.Count, ago(age))
		}
	}
	if reviews > 0 {
		d.add(warn, "review", "", "refundctl list --state review, then resolve, retry or approve", "%d refunds wait for a person", reviews)
	} else {
		d.add(well, "review", "", "", "no refund waits for a person")
	}
	return nil
}

// queues looks into archived tasks: only refunds in review belong there.
func (d *diagnosis) queues(ctx context.Context, s *cli.Session) error {
	before := len(d.Checks)
	for _, p := range s.Config.Providers {
		for _, queue := range tasks.Queues(p.Name) {
			a, err := s.Backend.Archived(ctx, queue, someTasks)
			if err != nil {
				return err
			}
			switch {
			case len(a.Open) > 0:
				d.add(warn, "archived", queue, "the sweeper puts them back within a minute; if not, see that a worker runs", "tasks of open refunds: %s", strings.Join(a.Open, ", "))
			case len(a.Unreadable) > 0:
				d.add(warn, "archived", queue, "see in asynqmon who put them there; enqueue them rightly, and delete the tasks", "tasks without a refund, or that can't be read: %s", strings.Join(a.Unreadable, ", "))
			case len(a.Settled) > 0:
				d.add(warn, "archived", queue, "delete the tasks in asynqmon", "tasks of refunds that are final: %s", strings.Join(a.Settled, ", "))
			}
		}
	}
	if len(d.Checks) == before {
		d.add(well, "archived", "", "", "only refunds in review, as far as the first %d tasks of each queue say", someTasks)
	}
	return nil
}
