package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// podsSettings measure several workers on one Redis.
type podsSettings struct {
	refunds     int
	concurrency int
	pods        []int
	latency     time.Duration
	appendfsync string
}

func podsExperiment() experiment {
	s := &podsSettings{}
	return experiment{
		name:  "pods",
		short: "Measure several worker processes on one Redis",
		long: `Measure how refunds per second grow with the number of workers, and what a
refund costs Redis and all workers together then. With a provider that takes a
while few refunds at once keep a worker waiting, as they do where it is far away;
what the machine has left then goes to more workers.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.refunds, "refunds", 3000, "refunds for each number of workers")
			f.IntVar(&s.concurrency, "concurrency", 8, "refunds at once in each worker")
			f.IntSliceVar(&s.pods, "pods", []int{1, 2, 4}, "how many workers")
			f.DurationVar(&s.latency, "provider-latency", 20*time.Millisecond, "how long each answer of the simulated provider takes")
			f.StringVar(&s.appendfsync, "appendfsync", fsyncOff, "as for bench itself")
		},
		check: func() error {
			return firstOf(within("refunds", s.refunds, 1, maxRefunds), within("concurrency", s.concurrency, 1, 1000), eachWithin("pods", s.pods, 1, 64),
				eachDurationWithin("provider-latency", []time.Duration{s.latency}, 0, maxLatency), oneOf("appendfsync", s.appendfsync, fsyncs))
		},
		run: s.run,
	}
}

// drained is what emptying a queue came to, for each refund.
type drained struct {
	PerSecond float64 `json:"refunds_per_second"`
	Commands  float64 `json:"redis_commands"`
	Redis     cost    `json:"cpu_redis"`
	Workers   cost    `json:"cpu_workers"` // all together
}

type podsFinding struct {
	Store       string        `json:"store"`
	Latency     time.Duration `json:"provider_latency_ns"`
	Concurrency int           `json:"concurrency"`
	Rows        []podsRow     `json:"rows"`
}

type podsRow struct {
	Pods int `json:"pods"`
	drained
}

func (s *podsSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: s.concurrency, latencies: []time.Duration{s.latency}}, s.appendfsync)
	if err != nil {
		return nil, err
	}
	found := &podsFinding{Store: b.store.label, Latency: s.latency, Concurrency: s.concurrency}
	for _, n := range s.pods {
		l.say("%d workers", n)
		row := podsRow{Pods: n}
		if row.drained, err = b.settleAll(ctx, n); err != nil {
			return nil, fmt.Errorf("%d workers: %w", n, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

// settleAll fills an empty Redis, lets so many workers empty it, and checks the
// money.
func (b *bench) settleAll(ctx context.Context, n int) (drained, error) {
	if err := b.store.empty(ctx); err != nil {
		return drained{}, err
	}
	first, err := b.simulator.reserve(ctx, b.provider, int64(b.refunds))
	if err != nil {
		return drained{}, err
	}
	filling, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	if _, err := b.fill(filling, &ourSide{bench: b}, first); err != nil {
		return drained{}, err
	}
	got, err := b.settleWith(ctx, n, b.refunds)
	if err != nil {
		return got, err
	}
	_, err = b.simulator.settled(ctx, b.provider, first, int64(b.refunds))
	return got, err
}

// settleWith lets so many workers begin at once, ends them when the provider has
// got that many refund calls, and says what each refund cost until then.
func (b *bench) settleWith(ctx context.Context, n, refunds int) (drained, error) {
	ctx, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	workers, prepared, err := preparePods(ctx, n, b.setup(path{}, b.provider))
	if err != nil {
		return drained{}, err
	}
	defer workers.end()
	return b.draining(ctx, workers, prepared, refunds, workers.run)
}

// draining begins something, waits until the provider got that many refund calls
// more, and says what each refund cost until then. prepared is what the workers had
// used before.
func (b *bench) draining(ctx context.Context, workers pods, prepared podState, refunds int, begin func(context.Context) error) (drained, error) {
	before, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return drained{}, err
	}
	redis, err := b.store.gauge(ctx)
	if err != nil {
		return drained{}, err
	}
	start := time.Now()
	if err := begin(ctx); err != nil {
		return drained{}, err
	}
	for calls := before; calls < before+int64(refunds); {
		if calls, err = b.simulator.reached(ctx, b.provider, before+int64(refunds)); err != nil {
			return drained{}, fmt.Errorf("%d of %d refunds were sent: %w", calls-before, refunds, err)
		}
	}
	took := time.Since(start)
	redisAfter, err := b.store.gauge(ctx)
	if err != nil {
		return drained{}, err
	}
	state, err := workers.look(ctx)
	return drained{
		PerSecond: float64(refunds) / took.Seconds(),
		Commands:  float64(redisAfter.commands-redis.commands-1) / float64(refunds),
		Redis:     redisAfter.cpu.since(redis.cpu).per(refunds),
		Workers:   state.CPU.since(prepared.CPU).per(refunds),
	}, err
}

func (f *podsFinding) sheets() []sheet {
	t := sheet{title: fmt.Sprintf("Workers on one Redis (%s, provider answers after %s, %d at once in each)", f.Store, f.Latency, f.Concurrency),
		columns: []string{"WORKERS", "REFUNDS/S", "TO ONE", "CPU µs WORKERS", "REDIS", "COMMANDS"}}
	for _, r := range f.Rows {
		t.row(append([]string{fmt.Sprint(r.Pods), fmt.Sprintf("%.0f", r.PerSecond), fmt.Sprintf("%.2f", r.PerSecond/f.Rows[0].PerSecond)}, r.cells()...)...)
	}
	return []sheet{t}
}

func (d drained) cells() []string {
	return []string{d.Workers.String(), d.Redis.String(), fmt.Sprintf("%.1f", d.Commands)}
}

// mediansOf are the medians of rounds.
func mediansOf(rounds []drained) drained {
	return drained{
		PerSecond: medianOf(rounds, func(d drained) float64 { return d.PerSecond }),
		Commands:  medianOf(rounds, func(d drained) float64 { return d.Commands }),
		Redis:     medianCost(rounds, func(d drained) cost { return d.Redis }),
		Workers:   medianCost(rounds, func(d drained) cost { return d.Workers }),
	}
}

// ratios compare a figure of each round with that of the round beside it.
func ratios(rounds, others []drained, figure func(drained) float64) spread {
	var list []float64
	for i, d := range rounds {
		list = append(list, figure(d)/figure(others[i]))
	}
	return spreadOf(list)
}
