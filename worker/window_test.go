package worker_test

import (
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestAfterWindowWaitsItsTurn(t *testing.T) {
	const window = 2 * time.Second
	everyCompany(t, setup{top: map[string]string{"dedupe_window": window.String()}, sandbox: sandbox.Options{SameAmountWindow: time.Second}},
		func(t *testing.T, r *rig, company string) {
			payment := r.pays(company, 500_00)
			var ids []string
			for range 3 {
				ids = append(ids, r.enqueue(request(company, payment, "100.00"), tasks.AfterWindow()))
			}
			if got := r.ask(request(company, payment, "100.00")); got.Status != tasks.Duplicate {
				t.Errorf("one that does not wait: %+v", got)
			}
			r.start()
			var settled []time.Time
			for _, id := range ids {
				rec := r.waitFor(id, refund.Succeeded)
				settled = append(settled, rec.Settled)
				if n := len(settled); n > 1 && rec.FirstAttempt.Sub(settled[n-2]) < window {
					t.Errorf("it started %s after the one before had settled\n%s", rec.FirstAttempt.Sub(settled[n-2]), r.story(rec))
				}
			}
			r.moved(company, payment, 300_00)
			r.calls(company, 3)
		})
}

func TestAfterWindowNeedsAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	q := request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00")
	q.RefundID = ""
	if got := r.ask(q, tasks.AfterWindow()); got.Status != tasks.Invalid || got.Rule != "refund_id" {
		t.Errorf("%+v", got)
	}
}

func TestRefundThatIsNeverCarriedOutIsGivenUp(t *testing.T) {
	everyCompany(t, setup{top: map[string]string{"retry": "{initial: 50ms, max: 200ms, give_up_after: 2s}"}}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.TooManyRequests, Times: sandbox.Forever})
		rec := r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Review)
		if rec.ReasonCode != "gave_up" || rec.Attempts < 2 || rec.Unproven || rec.Since.Sub(rec.FirstAttempt) < 2*time.Second {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 0)
	})
}

func TestOnlyOneRefundOfAPaymentWhereTheProviderAllowsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{provider: map[string]string{"unitpay/one_refund_per_payment": "true"}})
	r.start()
	payment := r.pay(sandbox.Payment{Company: sandbox.UnitPay, Minor: 500_00, OneRefund: true})
	r.waitFor(r.enqueue(request(sandbox.UnitPay, payment, "100.00")), refund.Succeeded)
	second := request(sandbox.UnitPay, payment, "50.00")
	for range 2 {
		if got := r.ask(second); got.Status != tasks.Invalid || got.Rule != "one_refund_per_payment" {
			t.Errorf("%+v", got)
		}
	}
	p := payload(sandbox.UnitPay, payment, "30.00")
	r.foreign(sandbox.UnitPay, "third", p)
	if rec := r.waitFor("third", refund.Declined); rec.ReasonCode != "one_refund_per_payment" {
		t.Errorf("%s", r.story(rec))
	}
	r.calls(sandbox.UnitPay, 1)
	other := r.pays(sandbox.Sberbank, 500_00)
	for _, amount := range []string{"100.00", "50.00"} { // the others allow several
		r.waitFor(r.enqueue(request(sandbox.Sberbank, other, amount)), refund.Succeeded)
	}
}

func TestRefundsOverThePaymentsTotalAreRefused(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		with := func(amount string) refund.Request {
			q := request(company, payment, amount)
			q.PaymentTotal = "100.00"
			return q
		}
		first := r.enqueue(with("60.00"))
		for _, amount := range []string{"40.01", "50.00"} {
			if got := r.ask(with(amount)); got.Status != tasks.Invalid || got.Rule != "payment_total" {
				t.Errorf("%s: %+v", amount, got)
			}
		}
		// The total that was stated once holds for those who do not state it.
		if got := r.ask(request(company, payment, "45.00")); got.Status != tasks.Invalid || got.Rule != "payment_total" {
			t.Errorf("without a total: %+v", got)
		}
		second := r.enqueue(with("40.00"))
		r.waitFor(first, refund.Succeeded)
		r.waitFor(second, refund.Succeeded)
		if got := r.ask(with("")); got.Status == tasks.Queued {
			t.Errorf("a full one after all of it: %+v", got)
		}
		r.moved(company, payment, 100_00)
		if got := r.ask(request(company, payment, "0.001")); got.Status != tasks.Invalid || !strings.Contains(got.Message, "amount") {
			t.Errorf("a thousandth: %+v", got)
		}
	})
}

// A refund that was declined, and of which evidence comes up that it was paid,
// holds its window from then on: the same is not paid again at once.
func TestEvidenceAgainstADeclineHoldsTheWindow(t *testing.T) {
	r := newRig(t, setup{companies: []string{sandbox.Maib}})
	r.start()
	payment := r.pays(sandbox.Maib, 500_00)
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.ManualLater})
	first := request(sandbox.Maib, payment, "100.00")
	r.waitFor(r.enqueue(first), refund.Review)
	rec, err := r.operator.Resolve(t.Context(), first.RefundID, tasks.Resolution{Outcome: refund.Declined, Note: "the bank said no", By: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.backend.Journal.Apply(t.Context(), rec, rec.Contradict("worker", "the provider says Accepted")); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(request(sandbox.Maib, payment, "100.00")); got.Status != tasks.Duplicate || got.ExistingID != first.RefundID || got.WindowEndsAt == nil {
		t.Errorf("taken in although the same may have been paid a moment ago: %+v", got)
	}
	// It counts for the payment's total as well.
	capped := request(sandbox.Maib, payment, "401.00")
	capped.PaymentTotal = "500.00"
	if got := r.ask(capped); got.Rule != "payment_total" {
		t.Errorf("%+v", got)
	}
}
