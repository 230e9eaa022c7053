package tasks_test

import (
	"context"
	"testing"
	"time"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
	"refundworker/tasks"
)

func pointer(n int64) *int64 { return &n }

// attempted is a refund of 100.00 with a baseline of 50.00.
func attempted(change func(r *journal.Record)) *journal.Record {
	r := &journal.Record{ID: "id", Currency: "RUB", State: refund.Unknown, Amount: pointer(100_00), Baseline: pointer(50_00), Unproven: true, Lost: true,
		Attempts: 1, Now: now, AttemptEnd: now.Add(-time.Minute), FirstUnproven: now.Add(-time.Minute)}
	if change != nil {
		change(r)
	}
	return r
}

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	asked := func(total int64) tasks.Evidence {
		return tasks.Evidence{Total: pointer(total), Settled: true, Lookups: 3}
	}
	early := func(total int64) tasks.Evidence { return tasks.Evidence{Total: pointer(total), Lookups: 3} }
	with := func(e tasks.Evidence, change func(*tasks.Evidence)) tasks.Evidence {
		change(&e)
		return e
	}
	refused := func(r *journal.Record) { r.Refused, r.Lost = true, false }
	for name, c := range map[string]struct {
		record func(r *journal.Record)
		seen   tasks.Evidence
		want   string
	}{
		"no total, early":                 {nil, tasks.Evidence{}, "ask again"},
		"no total, settled":               {nil, tasks.Evidence{Settled: true, Lookups: 9}, "not proven"},
		"no baseline, early":              {func(r *journal.Record) { r.Baseline = nil }, early(150_00), "ask again"},
		"no baseline, settled":            {func(r *journal.Record) { r.Baseline = nil }, asked(150_00), "not proven"},
		"no baseline is not zero":         {func(r *journal.Record) { r.Baseline = nil }, asked(100_00), "not proven"},
		"full, amount unknown, early":     {func(r *journal.Record) { r.Amount = nil }, early(150_00), "ask again"},
		"full, amount unknown, settled":   {func(r *journal.Record) { r.Amount = nil }, asked(150_00), "not proven"},
		"full, frozen amount":             {func(r *journal.Record) { r.Amount, r.Frozen = nil, pointer(30_00) }, early(80_00), "moved"},
		"rose by it, early":               {nil, early(150_00), "moved"},
		"rose by it, settled":             {nil, asked(150_00), "moved"},
		"rose by it, first look":          {nil, tasks.Evidence{Total: pointer(150_00)}, "moved"},
		"rose by it, partly requested":    {nil, with(early(150_00), func(e *tasks.Evidence) { e.Pending = 1 }), "requested"},
		"rose by it after a refusal":      {refused, early(150_00), "moved"},
		"did not rise, early":             {nil, early(50_00), "ask again"},
		"did not rise, settled":           {nil, asked(50_00), "nothing moved"},
		"did not rise, never asked":       {nil, with(asked(50_00), func(e *tasks.Evidence) { e.Lookups = 0 }), "ask again"},
		"did not rise, asked once":        {nil, with(asked(50_00), func(e *tasks.Evidence) { e.Lookups = 1 }), "nothing moved"},
		"did not rise, but is known":      {func(r *journal.Record) { r.Known = true }, asked(50_00), "not proven"},
		"did not rise, known, early":      {func(r *journal.Record) { r.Known = true }, early(50_00), "ask again"},
		"a sibling may be rejected":       {nil, with(asked(50_00), func(e *tasks.Evidence) { e.PendingOther = true }), "ask again"},
		"a sibling was rejected":          {nil, with(asked(50_00), func(e *tasks.Evidence) { e.TakenBack = true }), "not proven"},
		"both":                            {nil, with(asked(50_00), func(e *tasks.Evidence) { e.TakenBack, e.PendingOther = true, true }), "not proven"},
		"refused, too little left":        {refused, with(early(50_00), func(e *tasks.Evidence) { e.Left = pointer(99_99) }), "refused rightly"},
		"refused, enough left":            {refused, with(early(50_00), func(e *tasks.Evidence) { e.Left = pointer(100_00) }), "ask again"},
		"refused, enough left, settled":   {refused, with(asked(50_00), func(e *tasks.Evidence) { e.Left = pointer(100_00) }), "nothing moved"},
		"refused, left unknown":           {refused, early(50_00), "ask again"},
		"refused after one that was lost": {func(r *journal.Record) { r.Refused = true }, with(early(50_00), func(e *tasks.Evidence) { e.Left = pointer(0) }), "ask again"},
		"lost, too little left":           {nil, with(early(50_00), func(e *tasks.Evidence) { e.Left = pointer(0) }), "ask again"},
		"rose by more, early":             {nil, early(150_01), "ask again"},
		"rose by more, settled":           {nil, asked(150_01), "not proven"},
		"rose by less, settled":           {nil, asked(149_99), "not proven"},
		"fell, early":                     {nil, early(49_99), "ask again"},
		"fell, settled":                   {nil, asked(49_99), "not proven"},
		"rose by twice as much, settled":  {nil, asked(250_00), "not proven"},
	} {
		if got := tasks.Judge(attempted(c.record), c.seen); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// onlyRefunds is an account that can nothing but refund.
type onlyRefunds struct{}

func (onlyRefunds) Refund(context.Context, providers.Attempt) providers.Outcome {
	return providers.Outcome{}
}

// guarded is one whose provider refuses the same amount for half an hour.
type guarded struct{ onlyRefunds }

func (guarded) SameAmountGuard() time.Duration { return 30 * time.Minute }

func account(api providers.Account) tasks.Account {
	return tasks.Account{API: api, Provider: config.Provider{Name: "p", Reconcile: config.Reconcile{First: 5 * time.Second, Settle: 10 * time.Minute, MaxResends: 1},
		Poll: config.Poll{Initial: time.Second, Max: time.Minute}}}
}

func processor() *tasks.Processor {
	return tasks.NewProcessor(tasks.Parts{Policy: retry.Policy{Initial: time.Second, Max: time.Minute, GiveUpAfter: time.Hour}, By: "test",
		Now: func() time.Time { return now }, Random: func() float64 { return 0.5 }})
}

func TestWhatEvidenceMakesOfAnUnknownRefund(t *testing.T) {
	total := func(minor int64) tasks.Evidence {
		return tasks.Evidence{Total: pointer(minor), Settled: true, Lookups: 2}
	}
	blind := tasks.Evidence{Settled: true, Lookups: 2}
	type set map[string]string
	for name, c := range map[string]struct {
		api    providers.Account
		record func(r *journal.Record)
		seen   tasks.Evidence
		to     refund.State
		set    set
	}{
		"moved":                     {onlyRefunds{}, nil, total(150_00), refund.Succeeded, set{"moved": "10000", "by_total": "1", "reason_code": "proven_by_total"}},
		"requested":                 {onlyRefunds{}, nil, tasks.Evidence{Total: pointer(150_00), Pending: 100_00}, refund.Accepted, set{"by_total": "1"}},
		"not yet":                   {onlyRefunds{}, nil, tasks.Evidence{Total: pointer(50_00)}, "", set{"lookups": "1"}},
		"nothing moved":             {onlyRefunds{}, nil, total(50_00), refund.Queued, set{"resends": "1", "lookups": ""}},
		"nothing moved, sent again": {onlyRefunds{}, func(r *journal.Record) { r.Resends = 1 }, total(50_00), refund.Review, set{"reason_code": "not_proven"}},
		"refused, nothing moved": {onlyRefunds{}, func(r *journal.Record) { r.Refused, r.Lost, r.Tries = true, false, 4 }, total(50_00), refund.Queued,
			set{"tries": "5", "refused": ""}},
		"refused too often": {onlyRefunds{}, func(r *journal.Record) { r.Refused, r.Lost, r.Tries = true, false, 5 }, total(50_00), refund.Review, set{"reason_code": "refused"}},
		"refused rightly": {onlyRefunds{}, func(r *journal.Record) { r.Refused, r.Lost = true, false },
			tasks.Evidence{Total: pointer(50_00), Left: pointer(0)}, refund.Declined, set{"reason_code": "exceeds_refundable"}},
		"not proven":          {onlyRefunds{}, nil, blind, refund.Review, set{"reason_code": "not_proven"}},
		"another amount":      {onlyRefunds{}, nil, total(60_00), refund.Review, set{"reason_code": "not_proven"}},
		"not proven, guarded": {guarded{}, nil, blind, refund.Queued, set{"guarded": "1", "resends": "1"}},
		"guarded, just in time": {guarded{}, func(r *journal.Record) { r.FirstUnproven = now.Add(-25*time.Minute + time.Millisecond) }, blind, refund.Queued,
			set{"guarded": "1"}},
		"guarded, too late": {guarded{}, func(r *journal.Record) { r.FirstUnproven = now.Add(-25 * time.Minute) }, blind, refund.Review, set{"reason_code": "not_proven"}},
		"guarded, full":     {guarded{}, func(r *journal.Record) { r.Amount = nil }, blind, refund.Review, nil},
		"guarded, known":    {guarded{}, func(r *journal.Record) { r.Known = true }, blind, refund.Review, nil},
		"guarded, again":    {guarded{}, func(r *journal.Record) { r.Resends = 1 }, blind, refund.Review, nil},
	} {
		step := processor().Act(account(c.api), attempted(c.record), c.seen)
		if step.To != c.to || step.NoDue != (c.to.Terminal() || c.to == refund.Review) {
			t.Errorf("%s: to %q (%+v), want %q", name, step.To, step, c.to)
		}
		for field, want := range c.set {
			if got, ok := step.Set[field]; got != want || !ok {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
	}
}

func TestWhatAnOutcomeMakesOfARefund(t *testing.T) {
	parts := []providers.Part{{Operation: "REFUND_PAYMENT", Minor: 60_00, Moved: true}, {Operation: "REFUND_AWARD", Minor: 40_00}}
	for name, c := range map[string]struct {
		unproven bool
		outcome  providers.Outcome
		to       refund.State
		set      map[string]string
	}{
		"succeeded":                  {false, providers.Outcome{Kind: providers.Succeeded}, refund.Succeeded, map[string]string{"moved": "10000"}},
		"succeeded with an amount":   {false, providers.Outcome{Kind: providers.Succeeded, Moved: pointer(99_00)}, refund.Succeeded, map[string]string{"moved": "9900"}},
		"succeeded after unproven":   {true, providers.Outcome{Kind: providers.Succeeded}, refund.Succeeded, nil},
		"accepted":                   {false, providers.Outcome{Kind: providers.Accepted, ProviderRefundID: "x"}, refund.Accepted, map[string]string{"provider_refund_id": "x"}},
		"declined":                   {false, providers.Outcome{Kind: providers.Declined, Code: "14005"}, refund.Declined, map[string]string{"reason_code": "14005"}},
		"declined after unproven":    {true, providers.Outcome{Kind: providers.Declined, Code: "14005"}, refund.Unknown, map[string]string{"refused": "1"}},
		"partial":                    {false, providers.Outcome{Kind: providers.Partial, Parts: parts}, refund.Review, map[string]string{"partial": "1", "moved": "6000"}},
		"unavailable":                {false, providers.Outcome{Kind: providers.Unavailable}, refund.Queued, map[string]string{"fails": "1"}},
		"rate limited":               {false, providers.Outcome{Kind: providers.RateLimited}, refund.Queued, nil},
		"misconfigured":              {false, providers.Outcome{Kind: providers.Misconfigured}, refund.Queued, nil},
		"unknown":                    {false, providers.Outcome{}, refund.Unknown, map[string]string{"unproven": "1", "lost": "1", "refused": "", "risk": "", "guarded": ""}},
		"unclear refusal":            {false, providers.Outcome{Refused: true}, refund.Unknown, map[string]string{"unproven": "1", "refused": "1"}},
		"a kind that does not exist": {false, providers.Outcome{Kind: providers.Kind(99)}, refund.Unknown, map[string]string{"unproven": "1", "lost": "1"}},
	} {
		rec := attempted(func(r *journal.Record) { r.State, r.Unproven, r.Lost = refund.Sending, c.unproven, false })
		step := processor().Decide(account(onlyRefunds{}), rec, c.outcome, now)
		if step.To != c.to {
			t.Errorf("%s: to %s, want %s", name, step.To, c.to)
		}
		for field, want := range c.set {
			if got, ok := step.Set[field]; got != want || !ok {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
		if _, ok := step.Set["lost"]; ok && c.outcome.Refused {
			t.Errorf("%s: an answered attempt was lost", name)
		}
	}
	// What the provider asks for is honoured.
	step := processor().Decide(account(onlyRefunds{}), attempted(nil), providers.Outcome{Kind: providers.RateLimited, RetryAfter: 10 * time.Minute}, now)
	if step.Due < 10*time.Minute {
		t.Errorf("Retry-After of ten minutes: %s", step.Due)
	}
}
