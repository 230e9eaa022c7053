package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"refundworker/refund"
	"refundworker/tasks"
)

// growthSettings measure what a backlog costs.
type growthSettings struct {
	waiting []int
	refunds int
	first   int64 // the first payment
}

func growthExperiment() experiment {
	s := &growthSettings{}
	return experiment{
		name:  "growth",
		short: "Measure what depends on how many refunds wait",
		long: `Measure, with more and more refunds waiting in one provider's queue, what
settling the first of them costs, how long lists, counts and the overview take,
and what a tick of the sweeper costs. Filling takes most of the time: a million
takes minutes and about 2 GiB.`,
		flags: func(f *pflag.FlagSet) {
			f.IntSliceVar(&s.waiting, "waiting", []int{1000, 20_000, 100_000}, "how many refunds wait, ascending")
			f.IntVar(&s.refunds, "refunds", 2000, "refunds that are settled in front of them")
		},
		check: func() error {
			if !slices.IsSorted(s.waiting) {
				return fmt.Errorf("--waiting must ascend")
			}
			return firstOf(eachWithin("waiting", s.waiting, 1, maxRefunds), within("refunds", s.refunds, 1, 100_000))
		},
		run: s.run,
	}
}

type growthFinding struct {
	Refunds int         `json:"refunds"` // that were settled
	Rows    []growthRow `json:"rows"`
}

type growthRow struct {
	Waiting int `json:"waiting"`
	drained
	Enqueue float64       `json:"enqueued_per_second"`
	Stats   time.Duration `json:"stats_ns"`
	Page    time.Duration `json:"page_ns"`
	List    time.Duration `json:"list_ns"`
	Home    time.Duration `json:"overview_ns"`
	Tick    time.Duration `json:"sweep_ns"`
	Swept   float64       `json:"sweep_commands"`
	SweepMs float64       `json:"sweep_redis_cpu_ms"`
}

func (s *growthSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: 32}, fsyncOff)
	if err != nil {
		return nil, err
	}
	if err := b.small().warmUp(ctx, []path{{}}); err != nil {
		return nil, err
	}
	if err := b.store.empty(ctx); err != nil {
		return nil, err
	}
	looker, err := b.looker(ctx)
	if err != nil {
		return nil, err
	}
	l.ends = append(l.ends, looker.close)
	s.first = b.simulator.next
	found := &growthFinding{Refunds: s.refunds}
	for _, waiting := range s.waiting {
		l.say("%d waiting: filling", waiting)
		row, err := s.measure(ctx, l, b, looker, waiting)
		if err != nil {
			return nil, fmt.Errorf("%d waiting: %w", waiting, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

// measure fills up to that many and those that are settled.
func (s *growthSettings) measure(ctx context.Context, l *lab, b *bench, looker *looker, waiting int) (growthRow, error) {
	row := growthRow{Waiting: waiting}
	there, err := looker.count(ctx, refund.Queued)
	if err != nil {
		return row, err
	}
	more := int64(waiting+s.refunds) - there
	first, err := b.simulator.reserve(ctx, b.provider, more)
	if err != nil {
		return row, err
	}
	filling := time.Now()
	if err := looker.fill(ctx, first, more); err != nil {
		return row, err
	}
	filled := time.Now()
	row.Enqueue = float64(more) / filled.Sub(filling).Seconds()
	l.say("%d waiting: settling %d", waiting, s.refunds)
	if row.drained, err = b.settleWith(ctx, 1, s.refunds); err != nil {
		return row, err
	}
	if err := b.agree(ctx, looker, s.first); err != nil {
		return row, err
	}
	for _, view := range []struct {
		took *time.Duration
		look func(context.Context) error
	}{{&row.Stats, looker.stats}, {&row.Page, looker.page}, {&row.List, looker.list}, {&row.Home, looker.overview}} {
		if *view.took, err = timed(ctx, view.look); err != nil {
			return row, err
		}
	}
	l.say("%d waiting: sweeping", waiting)
	if err := wait(ctx, time.Until(filled.Add(sweptAfter))); err != nil {
		return row, err
	}
	return row, s.sweep(ctx, b, looker, &row)
}

// sweptAfter is how long a refund waits before the sweeper looks after it, and a
// little longer.
const sweptAfter = 12 * time.Second

// sweeps are so few that no refund's turn comes again meanwhile.
const sweeps = 4

func (s *growthSettings) sweep(ctx context.Context, b *bench, looker *looker, row *growthRow) error {
	sweeper := tasks.NewSweeper(looker.backend, looker.processor, "bench")
	defer func() { _ = sweeper.Release(context.WithoutCancel(ctx)) }()
	before, err := b.store.gauge(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	for range sweeps {
		if err := sweeper.Tick(ctx); err != nil {
			return err
		}
	}
	row.Tick = time.Since(start) / sweeps
	after, err := b.store.gauge(ctx)
	row.Swept = float64(after.commands-before.commands-1) / sweeps
	row.SweepMs = after.cpu.since(before.cpu).total().Seconds() * 1000 / sweeps
	return err
}

// agree checks that as many of the provider's refunds succeeded as it paid since
// that payment, that each of those got its one refund, and that the others wait.
func (b *bench) agree(ctx context.Context, looker *looker, since int64) error {
	stats, err := looker.backend.Journal.Stats(ctx)
	if err != nil {
		return err
	}
	succeeded := int64(0)
	for _, s := range stats {
		switch {
		case s.Provider != b.provider:
		case s.State == refund.Succeeded:
			succeeded += s.Count
		case s.State != refund.Queued && s.Count > 0:
			return fmt.Errorf("%d refunds are %s", s.Count, s.State)
		}
	}
	var sum ledgerSum
	if err := b.simulator.sum(ctx, b.provider, since, b.simulator.next-since, &sum); err != nil {
		return err
	}
	if sum.Moved != succeeded*refunded || int64(sum.Wrong) != b.simulator.next-since-succeeded {
		return fmt.Errorf("MONEY IS WRONG: %d refunds succeeded, and the provider moved %d minor units", succeeded, sum.Moved)
	}
	return nil
}

func (f *growthFinding) sheets() []sheet {
	settling := sheet{title: fmt.Sprintf("Settling %d refunds in front of those that wait, per refund", f.Refunds),
		columns: []string{"WAITING", "ENQUEUE/S", "REFUNDS/S", "CPU µs WORKER", "REDIS", "COMMANDS"}}
	views := sheet{title: "Looking at them: median of five; the sweeper per tick", columns: []string{"WAITING", "COUNTS", "A PAGE", "LIST OF 50", "OVERVIEW", "SWEEP", "COMMANDS", "REDIS CPU"}}
	for _, r := range f.Rows {
		settling.row(append([]string{fmt.Sprint(r.Waiting), fmt.Sprintf("%.0f", r.Enqueue), fmt.Sprintf("%.0f", r.PerSecond)}, r.cells()...)...)
		views.row(fmt.Sprint(r.Waiting), millis(r.Stats), millis(r.Page), millis(r.List), millis(r.Home), millis(r.Tick), fmt.Sprintf("%.0f", r.Swept), fmt.Sprintf("%.1f ms", r.SweepMs))
	}
	return []sheet{settling, views}
}
