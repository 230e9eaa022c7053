package worker_test

import (
	"net/http"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

func TestRedisThatGoesAwayDuringAnAttemptLosesNoAnswer(t *testing.T) {
	everyCompany(t, durable(map[string]string{"timeout": "10s", "reconcile": "{first: 200ms, settle: 10s}"}), func(t *testing.T, r *rig, company string) {
		w := r.start()
		payment, waiting := r.pays(company, 500_00), r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: time.Second})
		id := r.enqueue(request(company, payment, "100.00"))
		r.until("the attempt", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 1 })
		r.redis.Stop()
		r.until("the worker says that it is not ready", func() bool { return r.status("http://"+w.Addr()+"/readyz") == http.StatusServiceUnavailable })
		if status := r.status("http://" + w.Addr() + "/healthz"); status != http.StatusOK {
			t.Errorf("healthz: HTTP %d", status)
		}
		r.redis.Restart(t)
		rec := r.waitFor(id, refund.Succeeded)
		if rec.Unproven || rec.Attempts != 1 {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)
		r.until("the worker is ready again", func() bool { return r.status("http://"+w.Addr()+"/readyz") == http.StatusOK })
		r.waitFor(r.enqueue(request(company, waiting, "60.00")), refund.Succeeded)
		r.calls(company, 2)
	})
}

func (r *rig) status(url string) int {
	r.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestEnqueueThatBrokeOffIsHealedByDoingItAgain(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		q := request(company, payment, "100.00")
		o, err := r.enqueuer.Check(q)
		if err != nil {
			t.Fatal(err)
		}
		// It died after claiming the id.
		if claimed, err := r.backend.Journal.Claim(t.Context(), o.RefundID, o.Provider, o.PaymentID, o.Digest()); err != nil || !claimed.New {
			t.Fatalf("%+v, %v", claimed, err)
		}
		r.enqueue(q)
		// And again, after it was taken in and before its task was there.
		if err := r.inspector.DeleteTask(company, q.RefundID); err != nil {
			t.Fatal(err)
		}
		if got := r.ask(q); got.Status != "existing" {
			t.Errorf("%+v", got)
		}
		if r.task(company, q.RefundID) == nil {
			t.Error("enqueueing again did not bring the task back")
		}
		r.start()
		r.waitFor(q.RefundID, refund.Succeeded)
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}
