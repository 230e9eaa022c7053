package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"refundworker/journal"
	"refundworker/ratelimit"
	"refundworker/refund"
)

// mostArrivals is how many calls the simulated provider remembers.
const mostArrivals = 1000

// limitsSettings measure several workers on one rate limit.
type limitsSettings struct {
	refunds     int
	concurrency int
	pods        []int
	limits      []string
	bursts      []int
	latency     time.Duration
}

func limitsExperiment() experiment {
	s := &limitsSettings{}
	return experiment{
		name:  "limits",
		short: "Measure several worker processes on one rate limit",
		long: `Measure how much of a provider's rate limit workers use together while more
refunds wait than it lets through, whether the provider ever gets more than the
limit allows, how even the workers' shares are, and what a refund costs Redis
then, beside the same without a limit. USED is judged by when calls came, without
the burst. EARLY is how much sooner than the limit allows any call came after those
before it: slots are never closer than the limit, but what is done between a slot
and its call takes longer for one call than for the next, most of all on a machine
that is busy. SHARES are the least and the greatest of a worker, of an equal one.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.refunds, "refunds", 300, "refunds of which the arrival is measured, for each row")
			f.IntVar(&s.concurrency, "concurrency", 8, "refunds at once in each worker")
			f.IntSliceVar(&s.pods, "pods", []int{1, 2, 8}, "how many workers")
			f.StringSliceVar(&s.limits, "limits", []string{"50/s", "300/s"}, "the limits")
			f.IntSliceVar(&s.bursts, "bursts", []int{1, 10}, "the bursts")
			f.DurationVar(&s.latency, "provider-latency", time.Millisecond, "how long each answer of the simulated provider takes")
		},
		check: func() error {
			return firstOf(eachLimit("limits", s.limits), within("refunds", s.refunds, 2, mostArrivals), within("concurrency", s.concurrency, 1, 1000), eachWithin("pods", s.pods, 1, 64),
				eachWithin("bursts", s.bursts, 1, 1000), eachDurationWithin("provider-latency", []time.Duration{s.latency}, 0, maxLatency))
		},
		run: s.run,
	}
}

type limitsFinding struct {
	Latency     time.Duration `json:"provider_latency_ns"`
	Concurrency int           `json:"concurrency"`
	Unlimited   float64       `json:"redis_commands_unlimited"` // for each refund, with the first number of workers
	Rows        []limitsRow   `json:"rows"`
}

type limitsRow struct {
	Limit    string  `json:"limit"`
	Burst    int     `json:"burst"`
	Pods     int     `json:"pods"`
	Used     float64 `json:"used"`           // share of what the limit lets through
	Early    float64 `json:"early_ms"`       // how much earlier a call came than the limit allows after those before it
	Least    float64 `json:"least_share"`    // a worker's share of the refunds, times the number of workers
	Most     float64 `json:"most_share"`     //
	Commands float64 `json:"redis_commands"` // for each refund
}

func (s *limitsSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: s.concurrency, latencies: []time.Duration{s.latency}}, fsyncOff)
	if err != nil {
		return nil, err
	}
	found := &limitsFinding{Latency: s.latency, Concurrency: s.concurrency}
	free, err := s.measure(ctx, b, limitsRow{Pods: s.pods[0]})
	if err != nil {
		return nil, fmt.Errorf("without a limit: %w", err)
	}
	found.Unlimited = free.Commands
	for _, limit := range s.limits {
		for _, burst := range s.bursts {
			for _, n := range s.pods {
				l.say("%s, burst %d, %d workers", limit, burst, n)
				row, err := s.measure(ctx, b, limitsRow{Limit: limit, Burst: burst, Pods: n})
				if err != nil {
					return nil, fmt.Errorf("%s, burst %d, %d workers: %w", limit, burst, n, err)
				}
				found.Rows = append(found.Rows, row)
			}
		}
	}
	return found, nil
}

// measure has more refunds wait than are measured, so that the workers stay as
// busy as the limit lets them to the end.
func (s *limitsSettings) measure(ctx context.Context, b *bench, row limitsRow) (limitsRow, error) {
	ctx, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	if err := b.store.empty(ctx); err != nil {
		return row, err
	}
	filling := *b
	filling.refunds = 2*s.refunds + row.Pods*s.concurrency
	first, err := b.simulator.reserve(ctx, b.provider, int64(filling.refunds))
	if err != nil {
		return row, err
	}
	if _, err := filling.fill(ctx, &ourSide{bench: b}, first); err != nil {
		return row, err
	}
	setup := b.setup(path{}, b.provider)
	setup.accounts[0].limit, setup.accounts[0].burst = row.Limit, row.Burst
	workers, _, err := preparePods(ctx, row.Pods, setup)
	if err != nil {
		return row, err
	}
	defer workers.end()
	before, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return row, err
	}
	if err := workers.run(ctx); err != nil {
		return row, err
	}
	// What counts is from when all workers are there and the burst is used up.
	from, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return row, err
	}
	from = max(from, before) + int64(row.Burst)
	redis, err := b.store.gauge(ctx)
	if err != nil {
		return row, err
	}
	calls := from
	for calls < from+int64(s.refunds) {
		if calls, err = b.simulator.reached(ctx, b.provider, from+int64(s.refunds)); err != nil {
			return row, fmt.Errorf("%d of %d refunds were sent: %w", calls-from, s.refunds, err)
		}
	}
	after, err := b.store.gauge(ctx)
	if err != nil {
		return row, err
	}
	arrived, err := b.simulator.arrivals(ctx, b.provider)
	if err != nil {
		return row, err
	}
	row.Commands = float64(after.commands-redis.commands-1) / float64(s.refunds)
	if row.Limit == "" {
		return row, nil
	}
	row.rate(arrived[len(arrived)-min(s.refunds, len(arrived)):])
	return row, s.shares(ctx, b, &row)
}

// rate judges when calls came.
func (row *limitsRow) rate(arrived []arrival) {
	limit, err := ratelimit.Parse(row.Limit)
	if err != nil || len(arrived) < 2 {
		return
	}
	slices.SortFunc(arrived, func(a, b arrival) int { return a.At.Compare(b.At) })
	interval := limit.Per / time.Duration(limit.Calls)
	span := arrived[len(arrived)-1].At.Sub(arrived[0].At)
	row.Used = float64(len(arrived)-1) * float64(interval) / float64(span)
	// In a span t there may be burst + t/interval calls. The call j that is the
	// earliest after some i before it is found in one pass: only the i counts that
	// leaves the least room.
	early, room := time.Duration(0), time.Duration(0)
	for i, a := range arrived {
		at := a.At.Sub(arrived[0].At) - time.Duration(i)*interval
		if i == 0 {
			room = at
		}
		room = max(room, at)
		early = max(early, room-time.Duration(row.Burst-1)*interval-at)
	}
	row.Early = float64(early) / float64(time.Millisecond)
}

// shares says how even the workers' shares are.
func (s *limitsSettings) shares(ctx context.Context, b *bench, row *limitsRow) error {
	l, err := b.looker(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	by := map[string]int{}
	all := 0
	for rec, err := range l.backend.Journal.List(ctx, journal.Filter{State: refund.Succeeded}) {
		if err != nil {
			return err
		}
		history, err := l.backend.Journal.History(ctx, rec)
		if err != nil {
			return err
		}
		for _, e := range history {
			if e.To == refund.Sending {
				by[e.By]++
				all++
			}
		}
	}
	least, most := all, 0
	for _, n := range by {
		least, most = min(least, n), max(most, n)
	}
	if len(by) < row.Pods {
		least = 0
	}
	row.Least, row.Most = float64(least*row.Pods)/float64(max(all, 1)), float64(most*row.Pods)/float64(max(all, 1))
	return nil
}

func (f *limitsFinding) sheets() []sheet {
	t := sheet{title: fmt.Sprintf("Workers on one rate limit (no AOF, provider answers after %s, %d at once in each, %.0f commands for each refund without a limit)", f.Latency, f.Concurrency, f.Unlimited),
		columns: []string{"LIMIT", "BURST", "WORKERS", "USED", "EARLY", "SHARES", "COMMANDS"}}
	for _, r := range f.Rows {
		t.row(r.Limit, fmt.Sprint(r.Burst), fmt.Sprint(r.Pods), fmt.Sprintf("%.1f%%", 100*r.Used), fmt.Sprintf("%.1f ms", r.Early),
			fmt.Sprintf("%.2f–%.2f", r.Least, r.Most), fmt.Sprintf("%.0f", r.Commands))
	}
	return []sheet{t}
}
