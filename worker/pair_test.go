package worker_test

import (
	"slices"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

func TestRefundsOfOnePaymentNeverOverlapOverTwoWorkers(t *testing.T) {
	const slow = 400 * time.Millisecond
	everyCompany(t, setup{provider: map[string]string{"timeout": "10s"}}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: slow, Times: sandbox.Forever})
		var ids []string
		enqueue := func(amounts ...string) {
			for _, amount := range amounts {
				ids = append(ids, r.enqueue(request(company, payment, amount)))
			}
		}
		sent := func(n int) func() bool {
			return func() bool { return r.companies.Calls(company, sandbox.OpRefund) >= n }
		}
		// The first attempt is one's, then both want the next, and the last are two's.
		enqueue("10.00", "20.00", "30.00", "40.00")
		one := r.startWith(r.second(), "one")
		r.until("an attempt of the first worker", sent(1))
		r.startWith(r.second(), "two")
		r.until("an attempt beside the second worker", sent(2))
		one.stop()
		enqueue("50.00", "60.00")
		type span struct{ from, to time.Time }
		var spans []span
		by := map[string]bool{}
		for _, id := range ids {
			rec := r.waitFor(id, refund.Succeeded)
			history, err := r.backend.Journal.History(t.Context(), rec)
			if err != nil {
				t.Fatal(err)
			}
			// By Redis's clock, from written ahead to settled: an attempt's own end is
			// reckoned by the worker's, from before it was written ahead.
			before := len(spans)
			for i, h := range history {
				if h.To == refund.Sending && i+1 < len(history) {
					spans = append(spans, span{h.At, history[i+1].At})
					by[h.By] = true
				}
			}
			if len(spans) != before+1 {
				t.Fatalf("history %+v: not one attempt that ended", history)
			}
		}
		slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
		for i, s := range spans[1:] {
			if s.from.Before(spans[i].to) {
				t.Errorf("an attempt began at %s, before the one before ended at %s", s.from, spans[i].to)
			}
		}
		var at []time.Time
		for _, c := range r.companies.RecentCalls() {
			if c.Operation == sandbox.OpRefund {
				at = append(at, c.At)
			}
		}
		for i := range at[1:] {
			if gap := at[i+1].Sub(at[i]); gap < slow {
				t.Errorf("the company saw refund calls %s apart, and answers in %s", gap, slow)
			}
		}
		r.moved(company, payment, 210_00)
		r.calls(company, 6)
		if !by["worker one"] || !by["worker two"] {
			t.Errorf("attempts were made by %v, not by both", by)
		}
	})
}

func TestOneRefundOnTwoWorkersIsSentOnce(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.startWith(r.second(), "one")
		r.startWith(r.second(), "two")
		payments := map[string]string{}
		for range 10 {
			payment := r.pays(company, 500_00)
			id := r.enqueue(request(company, payment, "100.00"))
			payments[id] = payment
			// Two more tasks for the same refund, on both queues.
			p := payload(company, payment, "100.00")
			p["refund_id"] = id
			r.foreign(company, id+"-b", p)
			r.foreign(company+"-bulk", id, p)
		}
		for id, payment := range payments {
			r.waitFor(id, refund.Succeeded)
			r.moved(company, payment, 100_00)
		}
		r.calls(company, 10)
	})
}

func TestSecondRefundWaitsForAnUnprovenFirst(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"reconcile": "{first: 1s, settle: 3s}"}}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
		first := r.enqueue(request(company, payment, "100.00"))
		r.waitFor(first, refund.Unknown)
		second := r.waitFor(r.enqueue(request(company, payment, "60.00")), refund.Succeeded)
		rec := r.waitFor(first, refund.Succeeded)
		if rec.Attempts != 2 || second.FirstAttempt.Before(rec.Settled) {
			t.Errorf("the second started while the first was not proven\n%s\n%s", r.story(rec), r.story(second))
		}
		r.moved(company, payment, 160_00)
		r.calls(company, 3)
	})
}

// A refund that was accepted and then rejected may stand in the payment's total
// for a while. Once it is gone, the total has fallen by as much as the next
// refund, whose answer was lost, has added, and looks as if nothing had happened.
func TestARejectedRefundDoesNotHideWhatTheNextOneMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, sandbox: sandbox.Options{SettleDelay: 500 * time.Millisecond},
		// No callback arrives, which would prove that maib has the request.
		provider: map[string]string{"reconcile": "{first: 2s, settle: 4s}", "callback_url": "http://127.0.0.1:1"}})
	payment := r.pay(sandbox.Payment{Company: sandbox.Maib, Minor: 500_00, StatusLag: 2 * time.Second})
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.RejectedLater}, sandbox.Fault{Kind: sandbox.ResetAfter})
	r.start()
	r.waitFor(r.enqueue(request(sandbox.Maib, payment, "60.00")), refund.Declined)
	lost := r.enqueue(request(sandbox.Maib, payment, "60.00"))
	rec := r.waitFor(lost, refund.Succeeded, refund.Review)
	r.moved(sandbox.Maib, payment, 60_00)
	if rec.Attempts != 1 {
		t.Errorf("sent again although it had moved\n%s", r.story(rec))
	}
}

// An accepted refund still moves its payment's total, so the next one of the
// payment waits until it has settled.
func TestARefundWaitsForAnAcceptedOneOfItsPayment(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, sandbox: sandbox.Options{SettleDelay: time.Second}})
	payment := r.pays(sandbox.Maib, 500_00)
	r.start()
	first := r.enqueue(request(sandbox.Maib, payment, "20.00"))
	r.waitFor(first, refund.Accepted, refund.Succeeded)
	second := r.waitFor(r.enqueue(request(sandbox.Maib, payment, "40.00")), refund.Succeeded)
	if settled := r.waitFor(first, refund.Succeeded).Settled; second.FirstAttempt.Before(settled) {
		t.Errorf("the second began at %s, and the first settled at %s", second.FirstAttempt, settled)
	}
	r.moved(sandbox.Maib, payment, 60_00)
}
