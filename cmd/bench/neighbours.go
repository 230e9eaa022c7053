package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"refundworker/pause"
	"refundworker/ratelimit"
)

// neighboursSettings measure one provider beside another that can't work.
type neighboursSettings struct {
	refunds, waiting, rounds, concurrency int
	limit                                 string
	latency, idle                         time.Duration
	appendfsync                           string
}

func neighboursExperiment() experiment {
	s := &neighboursSettings{}
	return experiment{
		name:  "neighbours",
		short: "Measure what a paused or limited provider with many waiting refunds costs another",
		long: `Measure, in alternating rounds, how fast a worker settles refunds of one provider
while nothing waits for another, while many wait for one that an operator has
paused, and while they wait for one with a slow limit; and what those that wait
cost in the background. They lie on a Redis of their own, so that nothing has to
be filled again; only the one that is measured works.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.refunds, "refunds", 2000, "refunds in each round of the provider that is measured")
			f.IntVar(&s.waiting, "waiting", 100_000, "refunds that wait for the other")
			f.IntVar(&s.rounds, "rounds", 3, "rounds of each")
			f.IntVar(&s.concurrency, "concurrency", 32, "refunds at once of each provider")
			f.StringVar(&s.limit, "limit", "1/s", "the limit of the other where it is limited")
			f.DurationVar(&s.latency, "provider-latency", 0, "how long each answer of the simulated providers takes")
			f.DurationVar(&s.idle, "idle", 2*time.Second, "how long to look at the background in each round")
			f.StringVar(&s.appendfsync, "appendfsync", fsyncOff, "as for bench itself")
		},
		check: func() error {
			return firstOf(within("refunds", s.refunds, 1, maxRefunds), within("waiting", s.waiting, 1, maxRefunds), within("rounds", s.rounds, 1, 100),
				within("concurrency", s.concurrency, 1, 1000), eachLimit("limit", []string{s.limit}),
				eachDurationWithin("provider-latency", []time.Duration{s.latency}, 0, maxLatency),
				eachDurationWithin("idle", []time.Duration{s.idle}, time.Second, time.Minute), oneOf("appendfsync", s.appendfsync, fsyncs))
		},
		run: s.run,
	}
}

type neighboursFinding struct {
	Store       string           `json:"store"`
	Latency     time.Duration    `json:"provider_latency_ns"`
	Concurrency int              `json:"concurrency"`
	Refunds     int              `json:"refunds"`
	Waiting     int              `json:"waiting"`
	Rows        []*neighboursRow `json:"rows"`
}

// neighboursRow is one provider's work beside another's refunds; the figures are
// medians of the rounds.
type neighboursRow struct {
	Other string `json:"other"`
	drained
	Ratio  spread   `json:"ratio"` // refunds per second to those of the same round with nothing beside them
	Idle   idleCost `json:"idle"`  // the worker's and Redis's, while nothing else happens
	paused bool
	limit  string // of the other
	pair   *pair
	rounds []drained
	looks  []idleCost
}

func (s *neighboursSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: s.concurrency, latencies: []time.Duration{s.latency}}, s.appendfsync)
	if err != nil {
		return nil, err
	}
	crowded := *b
	if crowded.store, err = l.store(ctx, s.appendfsync); err != nil {
		return nil, err
	}
	var pairs [2]*pair
	for i, b := range []*bench{b, &crowded} {
		if pairs[i], err = openPair(ctx, l, b); err != nil {
			return nil, err
		}
	}
	l.say("%d waiting: filling", s.waiting)
	if err := pairs[1].crowd(ctx, int64(s.waiting)); err != nil {
		return nil, err
	}
	filled := time.Now()
	found := &neighboursFinding{Store: b.store.label, Latency: s.latency, Concurrency: s.concurrency, Refunds: s.refunds, Waiting: s.waiting, Rows: []*neighboursRow{
		{Other: "nothing waits", pair: pairs[0]},
		{Other: "paused by an operator", pair: pairs[1], paused: true},
		{Other: "limited to " + s.limit, pair: pairs[1], limit: s.limit},
	}}
	// The sweeper looks after those that have waited for a while: from the first
	// round on, not from some round on.
	if err := wait(ctx, time.Until(filled.Add(sweptAfter))); err != nil {
		return nil, err
	}
	for round := range s.rounds {
		for _, row := range found.Rows {
			l.say("round %d of %d: %s", round+1, s.rounds, row.Other)
			if err := s.measure(ctx, row); err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", round+1, row.Other, err)
			}
		}
	}
	for _, row := range found.Rows {
		row.sum()
		row.Ratio = ratios(row.rounds, found.Rows[0].rounds, func(d drained) float64 { return d.PerSecond })
	}
	return found, nil
}

// measure starts a worker, looks at it while only the other's refunds wait, lets it
// settle those that are measured, and checks the money of both.
func (s *neighboursSettings) measure(ctx context.Context, row *neighboursRow) error {
	p := row.pair
	ctx, cancel := context.WithTimeout(ctx, p.roundTime())
	defer cancel()
	var err error
	board := pause.New(p.keeper.backend.Redis)
	if row.paused {
		err = board.Pause(ctx, p.other.provider, "bench", "")
	} else {
		err = board.Resume(ctx, p.other.provider, "bench")
	}
	if err != nil {
		return err
	}
	before, err := p.simulator.calls(ctx, p.other.provider)
	if err != nil {
		return err
	}
	begun := time.Now()
	first, got, cost, err := s.settle(ctx, p, row.limit)
	if err != nil {
		return err
	}
	passed := time.Since(begun)
	after, err := p.simulator.calls(ctx, p.other.provider)
	if err != nil {
		return err
	}
	if err := row.allowed(after-before, passed); err != nil {
		return err
	}
	row.rounds, row.looks = append(row.rounds, got), append(row.looks, cost)
	return p.check(ctx, first, int64(s.refunds))
}

// settle is done when the worker has ended.
func (s *neighboursSettings) settle(ctx context.Context, p *pair, limit string) (first int64, got drained, cost idleCost, err error) {
	setup := p.setup(path{}, p.provider, p.other.provider)
	setup.accounts[1].limit = limit
	workers, cost, err := p.idling(ctx, 1, setup, s.idle)
	if err != nil {
		return 0, got, cost, err
	}
	defer workers.end()
	if first, err = p.simulator.reserve(ctx, p.provider, int64(s.refunds)); err != nil {
		return 0, got, cost, err
	}
	state, err := workers.look(ctx)
	if err != nil {
		return 0, got, cost, err
	}
	got, err = p.draining(ctx, workers, state, s.refunds, func(ctx context.Context) error {
		return p.looker.fill(ctx, first, int64(s.refunds))
	})
	return first, got, cost, err
}

// allowed says whether the other provider may have got so many calls meanwhile:
// none while it is paused, and some of those that its limit allows.
func (row *neighboursRow) allowed(calls int64, passed time.Duration) error {
	most := int64(0)
	if row.limit != "" {
		limit, err := ratelimit.Parse(row.limit)
		if err != nil {
			return err
		}
		interval := limit.Per / time.Duration(limit.Calls)
		if most = 1 + int64(passed/interval); calls == 0 && passed > 2*interval {
			return fmt.Errorf("a provider that is %s got no call in %s: it was stuck, not limited", row.Other, passed)
		}
	}
	if calls > most {
		return fmt.Errorf("a provider that is %s got %d calls in %s, and %d are allowed", row.Other, calls, passed, most)
	}
	return nil
}

// sum takes the medians.
func (row *neighboursRow) sum() {
	row.drained = mediansOf(row.rounds)
	row.Idle = idleCost{
		Commands:    medianOf(row.looks, func(c idleCost) float64 { return c.Commands }),
		Redis:       medianOf(row.looks, func(c idleCost) float64 { return c.Redis }),
		Workers:     medianOf(row.looks, func(c idleCost) float64 { return c.Workers }),
		Connections: int64(medianOf(row.looks, func(c idleCost) float64 { return float64(c.Connections) })),
		Goroutines:  int(medianOf(row.looks, func(c idleCost) float64 { return float64(c.Goroutines) })),
		Memory:      uint64(medianOf(row.looks, func(c idleCost) float64 { return float64(c.Memory) })),
	}
}

func (f *neighboursFinding) sheets() []sheet {
	working := sheet{title: fmt.Sprintf("Settling %d refunds of one provider beside %d that wait for another, per refund and with taking it in (%s, provider answers after %s, %d at once)",
		f.Refunds, f.Waiting, f.Store, f.Latency, f.Concurrency), columns: []string{"THE OTHER", "REFUNDS/S", "RATIO (MIN–MAX)", "CPU µs WORKER", "REDIS", "COMMANDS"}}
	idle := sheet{title: "What the worker and Redis do meanwhile for those that wait, while nothing else happens", columns: append([]string{"THE OTHER"}, idleColumns...)}
	for _, r := range f.Rows {
		working.row(append([]string{r.Other, fmt.Sprintf("%.0f", r.PerSecond), r.Ratio.String()}, r.cells()...)...)
		idle.row(append([]string{r.Other}, r.Idle.cells()...)...)
	}
	return []sheet{working, idle}
}
