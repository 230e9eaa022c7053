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
	rounds  int
}

func growthExperiment() experiment {
	s := &growthSettings{}
	return experiment{
		name:  "growth",
		short: "Measure what depends on how many refunds wait",
		long: `Measure, with few and with many refunds waiting in one provider's queue, what
settling the first of them costs, how long lists, counts and the overview take,
and what a tick of the sweeper costs. Each number has a Redis of its own, and they
are settled in turns, so that what the machine gives at one time and not at another
is the same for all. Filling takes most of the time: a million takes minutes and
about 2 GiB.`,
		flags: func(f *pflag.FlagSet) {
			f.IntSliceVar(&s.waiting, "waiting", []int{1000, 20_000, 100_000}, "how many refunds wait, ascending")
			f.IntVar(&s.refunds, "refunds", 3000, "refunds that are settled in front of them in a round")
			f.IntVar(&s.rounds, "rounds", 5, "how often each is measured")
		},
		check: func() error {
			if !slices.IsSorted(s.waiting) {
				return fmt.Errorf("--waiting must ascend")
			}
			return firstOf(eachWithin("waiting", s.waiting, 1, maxRefunds), within("refunds", s.refunds, 1, 100_000), within("rounds", s.rounds, 1, 100))
		},
		run: s.run,
	}
}

type growthFinding struct {
	Refunds int          `json:"refunds"` // that were settled in a round
	Rows    []*growthRow `json:"rows"`
}

// growthRow is a Redis in which so many refunds wait; the figures of settling are
// medians of the rounds.
type growthRow struct {
	Waiting int `json:"waiting"`
	drained
	Speed     spread        `json:"refunds_ratio"`   // refunds per second, to those of the first row in the same round
	RedisCost spread        `json:"cpu_redis_ratio"` // the same of Redis's processor time
	Enqueue   float64       `json:"enqueued_per_second"`
	Stats     time.Duration `json:"stats_ns"`
	Page      time.Duration `json:"page_ns"`
	List      time.Duration `json:"list_ns"`
	Home      time.Duration `json:"overview_ns"`
	Tick      time.Duration `json:"sweep_ns"`
	Swept     float64       `json:"sweep_commands"`
	SweepMs   float64       `json:"sweep_redis_cpu_ms"`

	bench  *bench
	looker *looker
	first  int64     // the first payment
	filled time.Time // when the last of those that wait was enqueued
	rounds []drained
}

func (s *growthSettings) run(ctx context.Context, l *lab) (finding, error) {
	found := &growthFinding{Refunds: s.refunds}
	for _, waiting := range s.waiting {
		l.say("%d waiting: filling", waiting)
		row, err := s.open(ctx, l, waiting)
		if err != nil {
			return nil, fmt.Errorf("%d waiting: %w", waiting, err)
		}
		found.Rows = append(found.Rows, row)
	}
	for round := range s.rounds {
		for _, row := range found.Rows {
			l.say("round %d of %d: %d waiting", round+1, s.rounds, row.Waiting)
			if err := s.settle(ctx, row); err != nil {
				return nil, fmt.Errorf("round %d, %d waiting: %w", round+1, row.Waiting, err)
			}
		}
	}
	for _, row := range found.Rows {
		row.drained = mediansOf(row.rounds)
		row.Speed = ratios(row.rounds, found.Rows[0].rounds, func(d drained) float64 { return d.PerSecond })
		row.RedisCost = ratios(row.rounds, found.Rows[0].rounds, func(d drained) float64 { return d.Redis.sum() })
		l.say("%d waiting: looking and sweeping", row.Waiting)
		if err := row.look(ctx); err != nil {
			return nil, fmt.Errorf("%d waiting: %w", row.Waiting, err)
		}
	}
	return found, nil
}

// open starts a Redis and lets so many refunds wait in it.
func (s *growthSettings) open(ctx context.Context, l *lab, waiting int) (*growthRow, error) {
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
	row := &growthRow{Waiting: waiting, bench: b, first: b.simulator.next}
	if row.looker, err = b.looker(ctx); err != nil {
		return nil, err
	}
	l.ends = append(l.ends, row.looker.close)
	begun := time.Now()
	added, err := row.fill(ctx, waiting)
	row.Enqueue = float64(added) / time.Since(begun).Seconds()
	return row, err
}

// fill enqueues until so many refunds wait, and says how many were missing.
func (row *growthRow) fill(ctx context.Context, waiting int) (int64, error) {
	there, err := row.looker.count(ctx, refund.Queued)
	if err != nil {
		return 0, err
	}
	missing := int64(waiting) - there
	first, err := row.bench.simulator.reserve(ctx, row.bench.provider, missing)
	if err != nil {
		return 0, err
	}
	err = row.looker.fill(ctx, first, missing)
	row.filled = time.Now()
	return missing, err
}

// settle puts as many behind those that wait as are settled in front of them.
func (s *growthSettings) settle(ctx context.Context, row *growthRow) error {
	if _, err := row.fill(ctx, row.Waiting+s.refunds); err != nil {
		return err
	}
	got, err := row.bench.settleWith(ctx, 1, s.refunds)
	if err != nil {
		return err
	}
	row.rounds = append(row.rounds, got)
	return row.bench.agree(ctx, row.looker, row.first)
}

// look measures what people and the sweeper look at.
func (row *growthRow) look(ctx context.Context) (err error) {
	for _, view := range []struct {
		took *time.Duration
		look func(context.Context) error
	}{{&row.Stats, row.looker.stats}, {&row.Page, row.looker.page}, {&row.List, row.looker.list}, {&row.Home, row.looker.overview}} {
		if *view.took, err = timed(ctx, view.look); err != nil {
			return err
		}
	}
	if err := wait(ctx, time.Until(row.filled.Add(sweptAfter))); err != nil {
		return err
	}
	return row.sweep(ctx)
}

// sweptAfter is how long a refund waits before the sweeper looks after it, and a
// little longer.
const sweptAfter = 12 * time.Second

// sweeps are so few that no refund's turn comes again meanwhile.
const sweeps = 4

func (row *growthRow) sweep(ctx context.Context) error {
	b := row.bench
	sweeper := tasks.NewSweeper(row.looker.backend, row.looker.processor, "bench")
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
	settling := sheet{title: fmt.Sprintf("Settling %d refunds in front of those that wait, per refund; ratios to the first row in the same round", f.Refunds),
		columns: []string{"WAITING", "ENQUEUE/S", "REFUNDS/S", "RATIO (MIN–MAX)", "CPU µs WORKER", "REDIS", "COMMANDS", "REDIS CPU, RATIO (MIN–MAX)"}}
	views := sheet{title: "Looking at them: median of five; the sweeper per tick", columns: []string{"WAITING", "COUNTS", "A PAGE", "LIST OF 50", "OVERVIEW", "SWEEP", "COMMANDS", "REDIS CPU"}}
	for _, r := range f.Rows {
		cells := append([]string{fmt.Sprint(r.Waiting), fmt.Sprintf("%.0f", r.Enqueue), fmt.Sprintf("%.0f", r.PerSecond), r.Speed.String()}, r.cells()...)
		settling.row(append(cells, r.RedisCost.String())...)
		views.row(fmt.Sprint(r.Waiting), millis(r.Stats), millis(r.Page), millis(r.List), millis(r.Home), millis(r.Tick), fmt.Sprintf("%.0f", r.Swept), fmt.Sprintf("%.1f ms", r.SweepMs))
	}
	return []sheet{settling, views}
}
