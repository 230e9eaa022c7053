package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
)

type memorySettings struct{ refunds int }

func memoryExperiment() experiment {
	s := &memorySettings{}
	return experiment{
		name:  "memory",
		short: "Weigh what Redis keeps of a refund that waits, and of one that has settled",
		long: `Weigh every key that Redis keeps of refunds that wait, and of the same when they
have settled: MEMORY USAGE with every element, by kind of key. What is left is
what Redis has of its own: its table of keys, and the allocator's rounding.`,
		flags: func(f *pflag.FlagSet) { f.IntVar(&s.refunds, "refunds", 5000, "refunds to weigh") },
		check: func() error { return within("refunds", s.refunds, 100, 200_000) },
		run:   s.run,
	}
}

// memoryFinding is in bytes per refund.
type memoryFinding struct {
	Refunds int     `json:"refunds"`
	Waiting weighed `json:"waiting"`
	Settled weighed `json:"settled"`
}

type weighed struct {
	Total float64   `json:"total"` // used_memory, without clients
	Keys  []holding `json:"keys"`
}

func (s *memorySettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: s.refunds, concurrency: 32}, fsyncOff)
	if err != nil {
		return nil, err
	}
	small := b.small()
	if err := small.warmUp(ctx, []path{{}}); err != nil {
		return nil, err
	}
	found := &memoryFinding{Refunds: s.refunds}
	b.between = func(ctx context.Context) (err error) {
		found.Waiting.Keys, err = b.store.holdings(ctx, s.refunds)
		return err
	}
	l.say("%d refunds", s.refunds)
	sample, err := b.round(ctx, &ourSide{bench: b})
	if err != nil {
		return nil, err
	}
	found.Waiting.Total, found.Settled.Total = sample.WaitingBytes, sample.SettledBytes
	found.Settled.Keys, err = b.store.holdings(ctx, s.refunds)
	return found, err
}

func (f *memoryFinding) sheets() []sheet {
	var list []sheet
	for _, w := range []struct {
		what string
		weighed
	}{{"that waits", f.Waiting}, {"that has settled", f.Settled}} {
		t := sheet{title: fmt.Sprintf("Redis memory of a refund %s, one of %d", w.what, f.Refunds), columns: []string{"KEYS", "PER REFUND", "BYTES", "WHAT FOR"}}
		rest := w.Total
		for _, h := range w.Keys {
			t.row(h.Keys, fmt.Sprintf("%.2f", h.Count), fmt.Sprintf("%.0f", h.Bytes), purpose(h.Keys))
			rest -= h.Bytes
		}
		t.row("the rest", "", fmt.Sprintf("%.0f", rest), "Redis's table of keys, and what MEMORY USAGE does not see; below 0 where it rounds up")
		t.row("all", "", fmt.Sprintf("%.0f", w.Total), "")
		list = append(list, t)
	}
	return list
}
