package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/tasks"
)

// limited is a company whose refunds have limits.
func limited(limits string, c world.Company, settings ...string) world.Options {
	o := company(c)
	o.Companies[0].Settings = append(append(o.Companies[0].Settings, "limits: {"+limits+"}"), settings...)
	return o
}

// asksOf is a request for a refund of a payment.
func asksOf(payment, id, amount string) refund.Request {
	r := asks(id, amount)
	r.PaymentID = payment
	return r
}

// asked has each refund taken in, asked for by ivan, and lets all come as far
// as they go.
func asked(w *world.World, p *world.Process, requests ...refund.Request) {
	w.T.Helper()
	for _, r := range requests {
		if receipt, err := p.Enqueue(r, tasks.By("ivan")); err != nil || receipt.Status != tasks.Queued {
			w.T.Fatal(receipt, err)
		}
	}
	settled(w, p)
}

func settled(w *world.World, p *world.Process) {
	w.T.Helper()
	if err := errors.Join(w.Settle(200*time.Hour, p), w.CheckSettled()); err != nil {
		w.T.Fatal(err)
	}
}

// stands says where refunds are: "succeeded", or "review" and what for.
func stands(t *testing.T, w *world.World, want map[string]string) {
	t.Helper()
	for id, state := range want {
		rec := w.Records()[id]
		got := string(rec.State)
		if rec.State == refund.Review {
			got += " " + rec.Why
		}
		if state == "waits" {
			if !rec.WaitsForApproval() || rec.Attempts > 0 {
				t.Errorf("%s is %s after %d attempts, and should wait for an approval", id, got, rec.Attempts)
			}
		} else if got != state {
			t.Errorf("%s is\n  %s\nwant\n  %s", id, got, state)
		}
	}
}

func TestBeyondTheLimitsARefundWaits(t *testing.T) {
	for name, c := range map[string]struct {
		options world.Options
		asks    []refund.Request
		want    map[string]string
	}{
		"at per_refund it goes": {limited("currency: RUB, per_refund: 100.00", world.Company{}), []refund.Request{asks("a", "100.00")},
			map[string]string{"a": "succeeded"}},
		"above per_refund it waits": {limited("currency: RUB, per_refund: 100.00", world.Company{}), []refund.Request{asks("a", "100.01")},
			map[string]string{"a": "review needs approval: 100.01 RUB is 0.01 more than per_refund (100.00)"}},
		"a full one is what the baseline says": {limited("currency: RUB, per_refund: 499.99", world.Company{}), []refund.Request{asks("a", "")},
			map[string]string{"a": "review needs approval: 500.00 RUB is 0.01 more than per_refund (499.99)"}},
		"a full one within it goes": {limited("currency: RUB, per_refund: 500, per_day: 500", world.Company{}), []refund.Request{asks("a", "")},
			map[string]string{"a": "succeeded"}},
		"a full one of unknown amount waits": {limited("currency: RUB, per_refund: 500", world.Company{}, "preflight: false"), []refund.Request{asks("a", "")},
			map[string]string{"a": "review needs approval: it is a full refund whose amount is not known before it is made, and amounts are limited"}},
		"so it does for the day": {limited("currency: RUB, per_day: 500", world.Company{NoStatus: true}), []refund.Request{asks("a", "")},
			map[string]string{"a": "waits"}},
		"a count asks for no amount": {limited("per_payment_count: 1", world.Company{NoStatus: true}), []refund.Request{asks("a", "")},
			map[string]string{"a": "succeeded"}},
		"in another currency it waits": {limited("currency: USD, per_refund: 1000000", world.Company{}), []refund.Request{asks("a", "1.00")},
			map[string]string{"a": "review needs approval: it is in RUB, and the limits are in USD"}},
		"without a currency it holds for the refund's own": {limited(`per_refund: "100.00", per_day: "150.00"`, world.Company{}),
			[]refund.Request{asksOf("p-1", "a", "100.00"), asksOf("p-2", "b", "100.01"), asksOf("p-3", "c", "50.01"), asksOf("p-4", "d", "50.00")},
			map[string]string{"a": "succeeded", "d": "succeeded",
				"b": "review needs approval: 100.01 RUB is 0.01 more than per_refund (100.00)",
				"c": "review needs approval: 50.01 RUB with the 100.00 of today's others (UTC) is 0.01 more than per_day (150.00)"}},
		"the third of a payment waits, that of another does not": {limited("per_payment_count: 2", world.Company{}),
			[]refund.Request{asks("a", "10.00"), asks("b", "20.00"), asks("c", "30.00"), asksOf("p-2", "d", "30.00")},
			map[string]string{"a": "succeeded", "b": "succeeded", "d": "succeeded",
				"c": "review needs approval: it is refund 3 of its payment, which is 1 more than per_payment_count (2)"}},
		"zero lets nothing pass": {limited("per_payment_count: 0", world.Company{}), []refund.Request{asks("a", "10.00")},
			map[string]string{"a": "waits"}},
		"the day's rest is for those that fit": {limited("currency: RUB, per_day: 100", world.Company{}),
			[]refund.Request{asksOf("p-1", "a", "60.00"), asksOf("p-2", "b", "40.01"), asksOf("p-3", "c", "40.00")},
			map[string]string{"a": "succeeded", "c": "succeeded",
				"b": "review needs approval: 40.01 RUB with the 60.00 of today's others (UTC) is 0.01 more than per_day (100.00)"}},
		"all that it is beyond is said": {limited("currency: RUB, per_refund: 5, per_payment_count: 0", world.Company{}), []refund.Request{asks("a", "7.50")},
			map[string]string{"a": "review needs approval: 7.50 RUB is 2.50 more than per_refund (5.00); it is refund 1 of its payment, which is 1 more than per_payment_count (0)"}},
		"what would be declined is not asked": {limited("currency: RUB, per_refund: 5", world.Company{}), []refund.Request{asks("a", "500.01")},
			map[string]string{"a": "declined"}},
	} {
		t.Run(name, func(t *testing.T) {
			world.Run(t, c.options, func(w *world.World) {
				p := w.Start("a")
				asked(w, p, c.asks...)
				stands(t, w, c.want)
				// A task that is run by hand, and a retry by a person, change nothing.
				for id, want := range c.want {
					if strings.HasPrefix(want, "review") || want == "waits" {
						_ = p.Run(id)
						if err := p.Retry(id, journal.RetryRequest{By: "ann", Note: "go", AcceptRisk: true}); !errors.Is(err, tasks.ErrNotPossible) || !strings.Contains(err.Error(), "approve it") {
							t.Error(err)
						}
					}
				}
				settled(w, p)
				stands(t, w, c.want)
			})
		})
	}
}

func TestWhatIsApprovedIsSentOnce(t *testing.T) {
	for name, c := range map[string]struct {
		amount string
		plans  []world.Behaviour
		calls  int
		want   string
	}{
		"and succeeds":                               {"100.00", nil, 1, "succeeded"},
		"a full one":                                 {"", nil, 1, "succeeded"},
		"again where nothing moved":                  {"100.00", []world.Behaviour{world.LoseRequest()}, 2, "succeeded"},
		"again where the provider said to wait":      {"100.00", []world.Behaviour{world.SlowDown(time.Second), world.Refuse()}, 3, "succeeded"},
		"and is declined where the provider says so": {"100.00", []world.Behaviour{world.Decline()}, 1, "declined"},
	} {
		t.Run(name, func(t *testing.T) {
			world.Run(t, limited("currency: RUB, per_refund: 5, per_day: 5, per_payment_count: 0", world.Company{}), func(w *world.World) {
				p := w.Start("a")
				w.Bank("bank").Behave("p-1", c.plans...)
				asked(w, p, asks("r-1", c.amount))
				stands(t, w, map[string]string{"r-1": "waits"})
				if err := p.Approve("r-1", "IVAN ", "it is right"); err == nil {
					t.Error("the requester approved it")
				}
				w.Advance(100 * time.Hour) // no clock of it runs
				if err := p.Approve("r-1", "ann", "it is right"); err != nil {
					w.T.Fatal(err)
				}
				if err := p.Approve("r-1", "eve", "so it is"); !errors.Is(err, tasks.ErrNotPossible) {
					t.Error(err)
				}
				settled(w, p)
				stands(t, w, map[string]string{"r-1": c.want})
				if n := len(w.Bank("bank").Calls()); n > c.calls {
					t.Errorf("%d calls, want at most %d", n, c.calls)
				}
			})
		})
	}
}

// An approval is for what the limits hold back and for nothing else.
func TestAnApprovalBypassesNothingElse(t *testing.T) {
	t.Run("what is left", func(t *testing.T) {
		world.Run(t, limited("currency: RUB, per_refund: 5", world.Company{}), func(w *world.World) {
			p := w.Start("a")
			asked(w, p, asks("r-1", "400.00"))
			w.Bank("bank").ByHand("p-1", 200_00)
			if err := p.Approve("r-1", "ann", "go"); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			stands(t, w, map[string]string{"r-1": "declined"})
		})
	})
	t.Run("the window and its place in line", func(t *testing.T) {
		world.Run(t, limited("currency: RUB, per_refund: 50", world.Company{}), func(w *world.World) {
			p := w.Start("a")
			asked(w, p, asks("r-1", "60.00"), asks("r-2", "40.00"))
			stands(t, w, map[string]string{"r-1": "waits", "r-2": "succeeded"})
			if receipt, err := p.Enqueue(asks("r-3", "60.0")); err != nil || receipt.Status != tasks.Duplicate || receipt.ExistingID != "r-1" {
				t.Error(receipt, err)
			}
			if _, err := p.Enqueue(asks("r-4", "60.00"), tasks.AfterWindow()); err != nil {
				w.T.Fatal(err)
			}
			w.Advance(time.Hour)
			_ = p.Turn()
			stands(t, w, map[string]string{"r-1": "waits", "r-4": "review needs approval: 60.00 RUB is 10.00 more than per_refund (50.00)"})
			// The later one is approved first, and waits for the earlier one.
			if err := p.Approve("r-4", "ann", "go"); err != nil {
				w.T.Fatal(err)
			}
			w.Advance(time.Minute)
			_ = p.Turn()
			if rec := w.Records()["r-4"]; rec.State != refund.Queued || !strings.Contains(rec.Why, "r-1") {
				t.Error(rec.State, rec.Why)
			}
			if err := p.Approve("r-1", "ann", "go"); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			stands(t, w, map[string]string{"r-1": "succeeded", "r-4": "succeeded"})
			if calls := w.Bank("bank").Calls(); len(calls) != 3 || calls[2].RefundID != "r-4" || calls[2].At.Sub(calls[1].At) < 30*time.Minute {
				t.Errorf("%+v", calls)
			}
		})
	})
	t.Run("an open attempt of the payment", func(t *testing.T) {
		world.Run(t, limited("currency: RUB, per_refund: 50", world.Company{RefundStatus: true}), func(w *world.World) {
			p := w.Start("a")
			w.Bank("bank").Behave("p-1", world.Accept(2*time.Hour, true))
			asked(w, p, asks("r-1", "60.00"))
			if _, err := p.Enqueue(asks("r-2", "40.00")); err != nil {
				w.T.Fatal(err)
			}
			_ = p.Turn()
			if err := p.Approve("r-1", "ann", "go"); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			if calls := w.Bank("bank").Calls(); len(calls) != 2 || calls[1].RefundID != "r-1" || calls[1].At.Sub(calls[0].At) < 2*time.Hour {
				t.Errorf("%+v", calls)
			}
		})
	})
	t.Run("a backup that may have forgotten that it was sent", func(t *testing.T) {
		world.Run(t, limited("currency: RUB, per_refund: 5", world.Company{}), func(w *world.World) {
			p := w.Start("a")
			if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
				w.T.Fatal(err)
			}
			if err := w.Journal.AfterRestore(context.Background(), w.Now()); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			if rec := w.Records()["r-1"]; !rec.WaitsForApproval() || !strings.Contains(rec.Why, "restored from a backup") {
				t.Error(rec.State, rec.Why)
			}
			if err := p.Resolve("r-1", tasks.Resolution{Outcome: refund.Succeeded, Note: "as the statement says", By: "ann"}); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a restored journal", func(t *testing.T) {
		world.Run(t, limited("currency: RUB, per_refund: 5", world.Company{}), func(w *world.World) {
			p := w.Start("a")
			asked(w, p, asks("r-1", "60.00"))
			w.Bank("bank").ByHand("p-1", 60_00) // what the backup forgot
			if err := errors.Join(w.Journal.AfterRestore(context.Background(), w.Now()), p.Approve("r-1", "ann", "go")); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			if rec := w.Records()["r-1"]; rec.State != refund.Review || rec.ReasonCode != "after_restore" || rec.Attempts > 0 {
				t.Error(rec.State, rec.ReasonCode)
			}
		})
	})
}

func TestTheDayCountsWhatMayMoveUnapproved(t *testing.T) {
	const limits = "currency: RUB, per_day: 100"
	for name, c := range map[string]struct {
		company world.Company
		tale    func(w *world.World, p *world.Process)
		want    map[string]string
	}{
		"what was declined is given back": {world.Company{}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.Decline())
			asked(w, p, asksOf("p-1", "a", "60.00"))
			asked(w, p, asksOf("p-2", "b", "100.00"))
		}, map[string]string{"a": "declined", "b": "succeeded"}},
		"what was rejected later is given back": {world.Company{RefundStatus: true}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.AcceptThenReject(time.Minute, true))
			asked(w, p, asksOf("p-1", "a", "60.00"))
			asked(w, p, asksOf("p-2", "b", "100.00"))
		}, map[string]string{"a": "declined", "b": "succeeded"}},
		"what is canceled before it was sent is given back": {world.Company{}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.NotSent(), world.NotSent())
			if _, err := p.Enqueue(asksOf("p-1", "a", "60.00")); err != nil {
				w.T.Fatal(err)
			}
			_ = p.Turn()
			if err := p.Cancel("a", "ann", "a mistake"); err != nil {
				w.T.Fatal(err)
			}
			asked(w, p, asksOf("p-2", "b", "100.00"))
		}, map[string]string{"a": "canceled", "b": "succeeded"}},
		"what a person resolves as declined is given back": {world.Company{NoStatus: true}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.LoseRequest())
			asked(w, p, asksOf("p-1", "a", "60.00"))
			asked(w, p, asksOf("p-2", "b", "50.00"))
			if err := p.Resolve("a", tasks.Resolution{Outcome: refund.Declined, Note: "nothing there", By: "ann"}); err != nil {
				w.T.Fatal(err)
			}
			asked(w, p, asksOf("p-3", "c", "100.00"))
		}, map[string]string{"a": "declined", "b": "waits", "c": "succeeded"}},
		"what nobody knows counts": {world.Company{NoStatus: true}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.LoseAnswer())
			asked(w, p, asksOf("p-1", "a", "60.00"))
			asked(w, p, asksOf("p-2", "b", "50.00"))
		}, map[string]string{"b": "waits"}},
		"what is sent again counts once": {world.Company{}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.NotSent(), world.SlowDown(time.Second), world.Refuse(), world.LoseRequest())
			asked(w, p, asksOf("p-1", "a", "60.00"))
			asked(w, p, asksOf("p-2", "b", "40.00"))
		}, map[string]string{"a": "succeeded", "b": "succeeded"}},
		"what was approved does not count": {world.Company{}, func(w *world.World, p *world.Process) {
			asked(w, p, asksOf("p-1", "a", "300.00"))
			if err := p.Approve("a", "ann", "go"); err != nil {
				w.T.Fatal(err)
			}
			settled(w, p)
			asked(w, p, asksOf("p-2", "b", "100.00"))
		}, map[string]string{"a": "succeeded", "b": "succeeded"}},
		"what waits behind another does not count": {world.Company{RefundStatus: true}, func(w *world.World, p *world.Process) {
			w.Bank("bank").Behave("p-1", world.Accept(2*time.Hour, true))
			for _, r := range []refund.Request{asksOf("p-1", "a", "30.00"), asksOf("p-1", "b", "60.00")} {
				if _, err := p.Enqueue(r); err != nil {
					w.T.Fatal(err)
				}
			}
			_ = p.Turn()
			asked(w, p, asksOf("p-2", "c", "70.00"))
		}, map[string]string{"a": "succeeded", "b": "waits", "c": "succeeded"}},
		"the next day begins anew, and what waits goes on waiting": {world.Company{}, func(w *world.World, p *world.Process) {
			asked(w, p, asksOf("p-1", "a", "100.00"), asksOf("p-2", "b", "0.01"))
			w.Advance(w.Now().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(w.Now()))
			asked(w, p, asksOf("p-3", "c", "100.00"))
		}, map[string]string{"a": "succeeded", "b": "waits", "c": "succeeded"}},
		"what is sent again on the next day counts on the first": {world.Company{}, func(w *world.World, p *world.Process) {
			w.Advance(w.Now().Truncate(24 * time.Hour).Add(24*time.Hour - 10*time.Second).Sub(w.Now()))
			w.Bank("bank").Behave("p-1", world.LoseRequest())
			if _, err := p.Enqueue(asksOf("p-1", "a", "60.00")); err != nil {
				w.T.Fatal(err)
			}
			_ = p.Turn()
			asked(w, p, asksOf("p-2", "b", "100.00"))
		}, map[string]string{"a": "succeeded", "b": "succeeded"}},
		"to decline what waits gives nothing twice": {world.Company{}, func(w *world.World, p *world.Process) {
			asked(w, p, asksOf("p-1", "a", "60.00"), asksOf("p-2", "b", "50.00"))
			if err := p.Resolve("b", tasks.Resolution{Outcome: refund.Declined, Note: "no", By: "ann"}); err != nil {
				w.T.Fatal(err)
			}
			asked(w, p, asksOf("p-3", "c", "40.01"), asksOf("p-4", "d", "40.00"))
		}, map[string]string{"b": "declined", "c": "waits", "d": "succeeded"}},
	} {
		t.Run(name, func(t *testing.T) {
			world.Run(t, limited(limits, c.company), func(w *world.World) {
				c.tale(w, w.Start("a"))
				stands(t, w, c.want)
			})
		})
	}
}

// Two workers have both read what is left of the day before either sends.
func TestTwoWorkersCannotBothHaveTheDaysRest(t *testing.T) {
	world.Run(t, limited("currency: RUB, per_day: 100", world.Company{}), func(w *world.World) {
		one, two := w.Start("one"), w.Start("two")
		for i, p := range []*world.Process{one, two} {
			r := asksOf(fmt.Sprint("p-", i), fmt.Sprint("r-", i), "60.00")
			if _, err := p.Enqueue(r); err != nil {
				w.T.Fatal(err)
			}
			p.FaultOn("begin.lua", world.Freeze)
			if err := p.Run(r.RefundID); i == 0 && !errors.Is(err, world.ErrFrozen) || i == 1 && err != nil {
				w.T.Fatal(err)
			}
		}
		_ = one.Thaw()
		settled(w, two)
		stands(t, w, map[string]string{"r-0": "succeeded", "r-1": "waits"})
	})
}

// One worker puts a refund off and is slow to take it out of the day; when it
// does, another has counted and sent it.
func TestALateUncountTakesNothingFromWhoeverSentIt(t *testing.T) {
	world.Run(t, limited("currency: RUB, per_day: 100", world.Company{RefundStatus: true}), func(w *world.World) {
		slow, other := w.Start("slow"), w.Start("other")
		w.Bank("bank").Behave("p-1", world.Accept(20*time.Second, true))
		for _, r := range []refund.Request{asks("r-0", "10.00"), asks("r-1", "60.00")} {
			if r.RefundID == "r-1" {
				slow.FaultOn("day_free.lua", world.Hold)
			}
			if _, err := slow.Enqueue(r); err != nil {
				w.T.Fatal(err)
			}
			if err := slow.Turn(); (r.RefundID == "r-1") != errors.Is(err, world.ErrFrozen) {
				w.T.Fatal(r.RefundID, err)
			}
		}
		settled(w, other)
		_ = slow.Thaw()
		asked(w, other, asksOf("p-2", "r-2", "60.00"))
		stands(t, w, map[string]string{"r-0": "succeeded", "r-1": "succeeded",
			"r-2": "review needs approval: 60.00 RUB with the 70.00 of today's others (UTC) is 30.00 more than per_day (100.00)"})
	})
}

// A lookup that failed before started a clock, which an approval stops.
func TestTheClockOfWhatWaitsForAnApprovalStandsStill(t *testing.T) {
	world.Run(t, limited("currency: RUB, per_refund: 5", world.Company{}), func(w *world.World) {
		p := w.Start("a")
		w.Bank("bank").LookupsFail(providers.Unavailable)
		if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
			w.T.Fatal(err)
		}
		_ = p.Turn()
		w.Bank("bank").LookupsFail(providers.Unknown)
		settled(w, p)
		stands(t, w, map[string]string{"r-1": "waits"})
		w.Advance(48 * time.Hour)
		w.Bank("bank").LookupsFail(providers.Unavailable)
		if err := p.Approve("r-1", "ann", "go"); err != nil {
			w.T.Fatal(err)
		}
		_ = p.Turn()
		w.Bank("bank").LookupsFail(providers.Unknown)
		settled(w, p)
		stands(t, w, map[string]string{"r-1": "succeeded"})
	})
}
