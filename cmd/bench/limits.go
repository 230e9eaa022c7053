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

// The simulated provider remembers a thousand calls: those that are measured, the
// burst before them, and some that come until it is asked.
const (
	mostMeasured = 600
	mostBurst    = 200
)

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
refunds wait than it lets through, whether more is ever let through than the limit
allows, how even the workers' shares are, and what a refund costs Redis then,
beside the same without a limit. USED are the calls that came, of those that the
limit allows from the first slot until the last of them, the burst included. MOST
are the slots that the limiter gave away in any one second, of those that it may, as
MONITOR shows it. If in a window of any length there were more, or a call came that
had no slot yet, the run ends with exit status 1. EARLY is how much sooner than the
limit allows any call came after those before it: what is done between a slot and
its call takes longer for one call than for the next, most of all on a machine that
is busy. LATE is how long after its slot a call came: whether EARLY is of one call
or of many. SHARES are the least and the greatest of a worker, of an equal one.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.refunds, "refunds", 300, "refunds of which the arrival is measured, for each row")
			f.IntVar(&s.concurrency, "concurrency", 8, "refunds at once in each worker")
			f.IntSliceVar(&s.pods, "pods", []int{1, 2, 8}, "how many workers")
			f.StringSliceVar(&s.limits, "limits", []string{"50/s", "300/s"}, "the limits")
			f.IntSliceVar(&s.bursts, "bursts", []int{1, 10}, "the bursts")
			f.DurationVar(&s.latency, "provider-latency", time.Millisecond, "how long each answer of the simulated provider takes")
		},
		check: func() error {
			return firstOf(eachLimit("limits", s.limits), within("refunds", s.refunds, 2, mostMeasured), within("concurrency", s.concurrency, 1, 1000), eachWithin("pods", s.pods, 1, 64),
				eachWithin("bursts", s.bursts, 1, mostBurst), eachDurationWithin("provider-latency", []time.Duration{s.latency}, 0, maxLatency))
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
	Limit     string        `json:"limit"`
	Burst     int           `json:"burst"`
	Pods      int           `json:"pods"`
	Used      float64       `json:"used"`           // share of what the limit lets through
	MostSlots int           `json:"most_slots"`     // that the limiter gave away in any window of a second
	Allowed   int           `json:"allowed_slots"`  // in one
	Early     float64       `json:"early_ms"`       // how much earlier a call came than the limit allows after those before it
	Late      time.Duration `json:"late_p50_ns"`    // how long after its slot a call came
	LateP99   time.Duration `json:"late_p99_ns"`    //
	LateMax   time.Duration `json:"late_max_ns"`    //
	Least     float64       `json:"least_share"`    // a worker's share of the refunds, times the number of workers
	Most      float64       `json:"most_share"`     //
	Commands  float64       `json:"redis_commands"` // for each refund
}

func (s *limitsSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: s.concurrency, latencies: []time.Duration{s.latency}}, fsyncOff)
	if err != nil {
		return nil, err
	}
	found := &limitsFinding{Latency: s.latency, Concurrency: s.concurrency}
	free, err := b.settleAll(ctx, s.pods[0])
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

// measure lets workers that are there begin with an empty queue all at once, so
// that everything counts from the first call on. More refunds wait than are
// measured, so that the workers stay as busy as the limit lets them to the end.
func (s *limitsSettings) measure(ctx context.Context, b *bench, row limitsRow) (limitsRow, error) {
	ctx, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	limit, err := ratelimit.Parse(row.Limit)
	if err != nil {
		return row, err
	}
	if err := b.store.empty(ctx); err != nil {
		return row, err
	}
	looker, err := b.looker(ctx)
	if err != nil {
		return row, err
	}
	defer looker.close()
	waiting := int64(row.Burst + s.refunds + 2*row.Pods*s.concurrency)
	first, err := b.simulator.reserve(ctx, b.provider, waiting)
	if err != nil {
		return row, err
	}
	setup := b.setup(path{}, b.provider)
	setup.accounts[0].limit, setup.accounts[0].burst = row.Limit, row.Burst
	workers, _, err := preparePods(ctx, row.Pods, setup)
	if err != nil {
		return row, err
	}
	defer workers.end()
	if err := workers.run(ctx); err != nil {
		return row, err
	}
	slots, err := watchSlots(b.provider, limit, row.Burst)
	if err != nil {
		return row, err
	}
	m, err := b.store.watch(ctx, slots.take)
	if err != nil {
		return row, err
	}
	calls, arrived, err := s.follow(ctx, b, looker, &row, first, waiting)
	m.stop(ctx)
	if err != nil {
		return row, err
	}
	if err := slots.check(limit, row.Burst, calls, arrived); err != nil {
		return row, err
	}
	row.MostSlots, row.Allowed = mostIn(time.Second, slots.given), row.Burst+int(time.Second*time.Duration(limit.Calls)/limit.Per)
	row.rate(limit, slots.given, arrived)
	workers.end() // what they have begun is settled then
	if err := b.agree(ctx, looker, first); err != nil {
		return row, err
	}
	return row, s.shares(ctx, looker, &row)
}

// follow fills the queue and waits for the burst and as many calls after it as are
// measured. It returns when those came, and how many came until it was over.
func (s *limitsSettings) follow(ctx context.Context, b *bench, looker *looker, row *limitsRow, first, waiting int64) (all int64, arrived []time.Time, err error) {
	before, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return 0, nil, err
	}
	begun := time.Now()
	if err := looker.fill(ctx, first, waiting); err != nil {
		return 0, nil, err
	}
	// What a refund costs Redis is from here on: filling is no part of it.
	filled, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return 0, nil, err
	}
	redis, err := b.store.gauge(ctx)
	if err != nil {
		return 0, nil, err
	}
	measured := row.Burst + s.refunds
	calls := filled
	for until := before + int64(measured); calls < until; {
		if calls, err = b.simulator.reached(ctx, b.provider, until); err != nil {
			return 0, nil, fmt.Errorf("%d of %d refunds were sent: %w", calls-before, measured, err)
		}
	}
	after, err := b.store.gauge(ctx)
	if err != nil {
		return 0, nil, err
	}
	row.Commands = float64(after.commands-redis.commands-1) / float64(max(calls-filled, 1))
	list, err := b.simulator.arrivals(ctx, b.provider)
	if err != nil {
		return 0, nil, err
	}
	for _, a := range list {
		if a.At.After(begun) {
			arrived = append(arrived, a.At)
		}
	}
	if all, err = b.simulator.calls(ctx, b.provider); err != nil {
		return 0, nil, err
	}
	if len(arrived) < measured {
		return 0, nil, fmt.Errorf("the provider remembers %d of %d calls: take less for --refunds", len(arrived), measured)
	}
	slices.SortFunc(arrived, time.Time.Compare)
	return all - before, arrived[:measured], nil
}

// rate judges when calls came, from the first slot on.
func (row *limitsRow) rate(limit ratelimit.Limit, given []span, arrived []time.Time) {
	interval := limit.Per / time.Duration(limit.Calls)
	list, late := make([]span, len(arrived)), make([]time.Duration, len(arrived))
	for i, at := range arrived {
		since := time.Duration(at.UnixNano()) - given[0].from
		list[i], late[i] = span{since, since}, since-(given[i].from-given[0].from)
	}
	row.Used = float64(len(list)) / (float64(row.Burst) + float64(list[len(list)-1].to)/float64(interval))
	row.Early = early(list, interval, row.Burst).Seconds() * 1000
	slices.Sort(late)
	row.Late, row.LateP99, row.LateMax = rank(late, 50), rank(late, 99), late[len(late)-1]
}

// shares says how even the workers' shares are.
func (s *limitsSettings) shares(ctx context.Context, l *looker, row *limitsRow) error {
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
		columns: []string{"LIMIT", "BURST", "WORKERS", "USED", "MOST IN 1 s", "EARLY", "LATE P50", "P99", "MAX", "SHARES", "COMMANDS"}}
	for _, r := range f.Rows {
		t.row(r.Limit, fmt.Sprint(r.Burst), fmt.Sprint(r.Pods), fmt.Sprintf("%.1f%%", 100*r.Used), fmt.Sprintf("%d of %d", r.MostSlots, r.Allowed), fmt.Sprintf("%.1f ms", r.Early),
			millis(r.Late), millis(r.LateP99), millis(r.LateMax), fmt.Sprintf("%.2f–%.2f", r.Least, r.Most), fmt.Sprintf("%.0f", r.Commands))
	}
	return []sheet{t}
}
