package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/pflag"
)

// latencies of an idle worker, and what being idle costs.
type latencySettings struct {
	samples     int
	pods        []int
	idle        time.Duration
	appendfsync string
}

// idleFor lets a worker get over its start before what it costs is measured.
const idleFor = time.Second

func latencyExperiment() experiment {
	s := &latencySettings{}
	return experiment{
		name:  "latency",
		short: "Measure how soon an idle worker sends a refund, and what idling costs",
		long: `Measure the time from the beginning of Enqueue until the provider has read the
request, one refund at a time with a pause between that is never the same, and
what the workers cost while nothing happens.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.samples, "samples", 200, "refunds for each number of workers")
			f.IntSliceVar(&s.pods, "pods", []int{1, 2, 8}, "how many workers")
			f.DurationVar(&s.idle, "idle", 4*time.Second, "how long to look at idle workers")
			f.StringVar(&s.appendfsync, "appendfsync", fsyncAlways, "as for bench itself")
		},
		check: func() error {
			return firstOf(within("samples", s.samples, 1, 1000), eachWithin("pods", s.pods, 1, 64),
				eachDurationWithin("idle", []time.Duration{s.idle}, time.Second, time.Minute), oneOf("appendfsync", s.appendfsync, fsyncs))
		},
		run: s.run,
	}
}

// latencyFinding has a row for each number of workers.
type latencyFinding struct {
	Store string       `json:"store"`
	Rows  []latencyRow `json:"rows"`
}

type latencyRow struct {
	Pods    int           `json:"pods"`
	Median  time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	Enqueue time.Duration `json:"enqueue_p50_ns"` // of the median
	Idle    idleCost      `json:"idle"`
}

// idleCost is what workers cost while nothing happens.
type idleCost struct {
	Commands    float64 `json:"redis_commands_per_second"` // those inside of scripts too
	Redis       float64 `json:"redis_cpu"`                 // of one processor: 1 is all of it
	Workers     float64 `json:"workers_cpu"`               // all of them
	Connections int64   `json:"connections"`
	Goroutines  int     `json:"goroutines"`   // all of them
	Memory      uint64  `json:"memory_bytes"` // all of them
}

func (s *latencySettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: 1, concurrency: 32}, s.appendfsync)
	if err != nil {
		return nil, err
	}
	found := &latencyFinding{Store: b.store.label}
	for _, n := range s.pods {
		l.say("%d idle workers", n)
		row, err := s.measure(ctx, b, n)
		if err != nil {
			return nil, fmt.Errorf("%d workers: %w", n, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

func (s *latencySettings) measure(ctx context.Context, b *bench, n int) (latencyRow, error) {
	row := latencyRow{Pods: n}
	if err := b.store.empty(ctx); err != nil {
		return row, err
	}
	side := &ourSide{bench: b}
	enqueue, done, err := side.open(ctx)
	if err != nil {
		return row, err
	}
	defer func() { _ = done() }()
	workers, cost, err := b.idling(ctx, n, b.setup(path{}, b.provider), s.idle)
	if err != nil {
		return row, err
	}
	defer workers.end()
	row.Idle = cost

	first, err := b.simulator.reserve(ctx, b.provider, int64(s.samples))
	if err != nil {
		return row, err
	}
	calls, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return row, err
	}
	begun, enqueued := map[string]time.Time{}, []time.Duration(nil)
	pauses := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range int64(s.samples) {
		if err := wait(ctx, 20*time.Millisecond+time.Duration(pauses.Int64N(int64(40*time.Millisecond)))); err != nil {
			return row, err
		}
		at := time.Now()
		if err := enqueue(ctx, order(b.provider, first+i)); err != nil {
			return row, err
		}
		begun[paymentID(b.provider, first+i)], enqueued = at, append(enqueued, time.Since(at))
	}
	if err := b.await(ctx, calls+int64(s.samples)); err != nil {
		return row, err
	}
	arrived, err := b.simulator.arrivals(ctx, b.provider)
	if err != nil {
		return row, err
	}
	var took []time.Duration
	for _, a := range arrived {
		if at, ours := begun[a.Payment]; ours {
			took = append(took, a.At.Sub(at))
		}
	}
	if len(took) != s.samples {
		return row, fmt.Errorf("the provider remembers %d of %d refunds", len(took), s.samples)
	}
	slices.Sort(took)
	slices.Sort(enqueued)
	row.Median, row.P99, row.Max, row.Enqueue = rank(took, 50), rank(took, 99), took[len(took)-1], rank(enqueued, 50)
	_, err = b.simulator.settled(ctx, b.provider, first, int64(s.samples))
	return row, err
}

// rank is the smallest figure that so many of a hundred do not exceed; they are
// sorted.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// idling starts workers and looks for a while at what they cost beside all that
// there was before. The caller ends them.
func (b *bench) idling(ctx context.Context, n int, s setup, d time.Duration) (workers pods, cost idleCost, err error) {
	before, err := b.store.gauge(ctx)
	if err != nil {
		return nil, cost, err
	}
	if workers, _, err = preparePods(ctx, n, s); err != nil {
		return nil, cost, err
	}
	if err = workers.run(ctx); err == nil {
		err = wait(ctx, idleFor)
	}
	if err == nil {
		cost, err = idle(ctx, b.store, workers, d)
	}
	if err != nil {
		workers.end()
		return nil, cost, err
	}
	cost.Connections -= before.clients
	return workers, cost, nil
}

// idle looks at workers for a while in which nothing is enqueued.
func idle(ctx context.Context, s *store, workers pods, d time.Duration) (idleCost, error) {
	look := func() (gauge, podState, time.Time, error) {
		state, err := workers.look(ctx)
		if err != nil {
			return gauge{}, state, time.Time{}, err
		}
		g, err := s.gauge(ctx)
		return g, state, time.Now(), err
	}
	redis, state, at, err := look()
	if err != nil {
		return idleCost{}, err
	}
	if err := wait(ctx, d); err != nil {
		return idleCost{}, err
	}
	redisAfter, stateAfter, atAfter, err := look()
	passed := atAfter.Sub(at).Seconds()
	return idleCost{
		Commands:    float64(redisAfter.commands-redis.commands-1) / passed, // the look is one
		Redis:       redisAfter.cpu.since(redis.cpu).total().Seconds() / passed,
		Workers:     stateAfter.CPU.since(state.CPU).total().Seconds() / passed,
		Connections: redisAfter.clients, Goroutines: stateAfter.Goroutines, Memory: stateAfter.Memory,
	}, err
}

func (f *latencyFinding) sheets() []sheet {
	t := sheet{title: "Enqueue to the provider's door, idle workers (" + f.Store + ")", columns: []string{"WORKERS", "P50", "P99", "MAX", "OF IT ENQUEUE"}}
	cost := sheet{title: "What they cost while nothing happens, all together", columns: append([]string{"WORKERS"}, idleColumns...)}
	for _, r := range f.Rows {
		t.row(fmt.Sprint(r.Pods), millis(r.Median), millis(r.P99), millis(r.Max), millis(r.Enqueue))
		cost.row(append([]string{fmt.Sprint(r.Pods)}, r.Idle.cells()...)...)
	}
	return []sheet{t, cost}
}

var idleColumns = []string{"REDIS COMMANDS/S", "REDIS CPU", "WORKERS' CPU", "CONNECTIONS", "GOROUTINES", "MEMORY"}

func (c idleCost) cells() []string {
	return []string{fmt.Sprintf("%.0f", c.Commands), fmt.Sprintf("%.1f %%", 100*c.Redis), fmt.Sprintf("%.1f %%", 100*c.Workers),
		fmt.Sprint(c.Connections), fmt.Sprint(c.Goroutines), mebibytes(float64(c.Memory))}
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func mebibytes(n float64) string { return fmt.Sprintf("%.0f MiB", n/(1<<20)) }
