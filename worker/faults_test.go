package worker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// faultCase is one refund that meets one fault.
type faultCase struct {
	kind    sandbox.FaultKind
	full    bool
	payment string
	amount  int64
	id      string
}

// forAPerson are the faults that may end in review: what the company's status can
// prove resolves itself.
var forAPerson = map[string][]sandbox.FaultKind{
	sandbox.UnitPay:  {sandbox.WrongCredentials},                 // of one refund only, while others are taken: no permission for it
	sandbox.Maib:     {sandbox.ManualLater, sandbox.LookupsGone}, // a person at maib is asked; nobody can be
	sandbox.Sberbank: {sandbox.PartialOutcome},
}

// TestFaults sends a refund into each way to fail, all through one worker. What
// must hold: money moves at most once, a success is one, what moved is
// never called declined, and only what nobody can prove is for a person.
func TestFaults(t *testing.T) {
	everyCompany(t, setup{top: map[string]string{"retry": "{initial: 50ms, max: 500ms, give_up_after: 45s}"}},
		func(t *testing.T, r *rig, company string) {
			var cases []*faultCase
			for _, full := range []bool{false, true} {
				for _, kind := range sandbox.Faults {
					if !slices.Contains(kind.Companies(), company) {
						continue
					}
					c := &faultCase{kind: kind, full: full, amount: 100_00}
					whole := int64(500_00)
					if full {
						whole = c.amount
					}
					p := sandbox.Payment{Company: company, Minor: whole}
					if company == sandbox.Sberbank {
						p.PointsMinor = whole / 2
					}
					c.payment = r.pay(p)
					r.companies.Fail(company, c.payment, sandbox.Fault{Kind: kind, Delay: faultDelay(kind)})
					amount := "100.00"
					if full {
						amount = ""
					}
					c.id = r.enqueue(request(company, c.payment, amount))
					cases = append(cases, c)
				}
			}
			r.start()
			defer r.keepGoing(company)()
			resolved := 0
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s,full=%v", c.kind, c.full), func(t *testing.T) {
					rec := r.on(t).waitFor(c.id, refund.Succeeded, refund.Declined, refund.Review)
					if rec.State != refund.Review {
						resolved++
					} else if !slices.Contains(forAPerson[company], c.kind) {
						t.Errorf("it should resolve itself\n%s", r.on(t).story(rec))
					}
					r.on(t).judge(company, c, rec)
				})
			}
			t.Logf("%s: %d of %d refunds that met a fault resolved themselves", company, resolved, len(cases))
		})
}

// faultDelay keeps what comes late within the settling time.
func faultDelay(kind sandbox.FaultKind) time.Duration {
	switch kind {
	case sandbox.LateEffect, sandbox.CallbackLate:
		return 300 * time.Millisecond
	case sandbox.Slow:
		return 700 * time.Millisecond // just in time
	}
	return 0
}

// keepGoing ends the provider's pauses, as an operator would: so many failures
// at once look like an outage, and the doubling pauses would only take time.
func (r *rig) keepGoing(company string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if status, err := r.operator.Paused(ctx, company); err == nil && status.Reason == pause.ReasonHealth {
				_ = r.operator.Resume(ctx, company, "test") // the next tick tries again
			}
		}
	})
	return func() {
		cancel()
		ended.Wait()
	}
}

// judge compares what the journal says with what really moved.
func (r *rig) judge(company string, c *faultCase, rec *journal.Record) {
	r.t.Helper()
	moved := r.companies.Moved(company, c.payment)
	on := moved + r.companies.Pending(company, c.payment)
	complain := func(what string) {
		r.t.Helper()
		r.t.Errorf("%s: moved %d\n%s", what, moved, r.story(rec))
	}
	switch {
	case on > c.amount:
		complain("paid more than once")
	case rec.State == refund.Succeeded && moved != c.amount:
		complain("succeeded, and it is not what moved")
	case rec.State == refund.Declined && on != 0:
		complain("declined, and money moved")
	case rec.State == refund.Succeeded && (rec.Moved == nil || *rec.Moved != moved):
		complain("the journal has another amount")
	case c.kind.Effect() == sandbox.PartMoves && rec.State != refund.Review:
		complain("a partial outcome is for a person")
	}
}

// on is the rig for a subtest.
func (r *rig) on(t *testing.T) *rig {
	c := *r
	c.t = t
	return &c
}

func TestEffectWithinTheSettlingTimeIsWaitedFor(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"timeout": "500ms", "reconcile": "{first: 100ms, settle: 4s}"}}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.LateEffect, Delay: 2 * time.Second})
		rec := r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Succeeded)
		if rec.Attempts != 1 || rec.ReasonCode != "proven_by_total" {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}
