package worker_test

import (
	"testing"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

var noPreflight = map[string]string{"preflight": "false", "reconcile": "{first: 100ms, settle: 1s}"}

func TestWithoutPreflightALostAnswerEndsInReview(t *testing.T) {
	everyCompany(t, setup{provider: noPreflight}, func(t *testing.T, r *rig, company string) {
		r.start()
		for _, kind := range []sandbox.FaultKind{sandbox.LostAnswer, sandbox.ResetAfter} {
			payment := r.pays(company, 500_00)
			r.companies.Fail(company, payment, sandbox.Fault{Kind: kind})
			rec := r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Review)
			// UnitPay is asked once more under its own guard, and refuses: that
			// proves nothing, and the money has moved once.
			attempts := 1
			if company == sandbox.UnitPay {
				attempts = 2
			}
			if rec.ReasonCode != "not_proven" || rec.Attempts != attempts || rec.Baseline != nil {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, 100_00)
		}
	})
}

func TestWithoutPreflightUnitPayIsAskedAgainUnderItsGuard(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}, provider: noPreflight})
	r.start()
	payment := r.pays(sandbox.UnitPay, 500_00)
	r.companies.Fail(sandbox.UnitPay, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
	rec := r.waitFor(r.enqueue(request(sandbox.UnitPay, payment, "100.00")), refund.Succeeded)
	if rec.Attempts != 2 || rec.Resends != 1 {
		t.Errorf("%s", r.story(rec))
	}
	r.moved(sandbox.UnitPay, payment, 100_00)

	// A full refund has no such guard.
	full := r.pays(sandbox.UnitPay, 500_00)
	r.companies.Fail(sandbox.UnitPay, full, sandbox.Fault{Kind: sandbox.ResetBefore})
	if rec := r.waitFor(r.enqueue(request(sandbox.UnitPay, full, "")), refund.Review); rec.Attempts != 1 {
		t.Errorf("%s", r.story(rec))
	}
	r.moved(sandbox.UnitPay, full, 0)
}

func TestWithoutPreflightAPlainRefundIsOneCall(t *testing.T) {
	everyCompany(t, setup{provider: noPreflight}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Succeeded)
		r.moved(company, payment, 100_00)
		if company != sandbox.Maib && r.companies.Calls(company, sandbox.OpStatus) != 0 {
			t.Error("a lookup without need")
		}
	})
}
