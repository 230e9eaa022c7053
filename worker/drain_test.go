package worker_test

import (
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

func TestDrainFinishesTheRunningAttemptAndLeavesTheWaitingOne(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"concurrency": "1", "timeout": "20s", "reconcile": "{first: 200ms, settle: 20s}"}},
		func(t *testing.T, r *rig, company string) {
			running, waiting := r.pays(company, 500_00), r.pays(company, 500_00)
			r.companies.Fail(company, running, sandbox.Fault{Kind: sandbox.Slow, Delay: 2 * time.Second})
			runningID := r.enqueue(request(company, running, "100.00"))
			waitingID := r.enqueue(request(company, waiting, "60.00"))
			first := r.start()
			r.until("the running attempt", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 1 })
			first.stop()
			rec := r.get(runningID)
			ended := refund.Succeeded
			if company == sandbox.Maib {
				ended = refund.Accepted // maib has recorded it, and says later that it is done
			}
			if rec.State != ended && rec.State != refund.Succeeded || rec.Unproven {
				t.Errorf("after the drain: %s", r.story(rec))
			}
			if rec := r.get(waitingID); rec.State != refund.Queued || rec.Attempts != 0 {
				t.Errorf("the waiting one: %s", r.story(rec))
			}
			r.calls(company, 1)
			r.startWith(r.second(), "second")
			for _, id := range []string{runningID, waitingID} {
				if rec := r.waitFor(id, refund.Succeeded); rec.Attempts != 1 || rec.Unproven {
					t.Errorf("%s", r.story(rec))
				}
			}
			r.moved(company, running, 100_00)
			r.moved(company, waiting, 60_00)
		})
}

func TestDrainThatRunsOutOfTimeIsProvenByTheNextWorker(t *testing.T) {
	everyCompany(t, setup{top: map[string]string{"shutdown_timeout": "200ms"}, provider: map[string]string{"timeout": "3s", "reconcile": "{first: 200ms, settle: 4s}"}},
		func(t *testing.T, r *rig, company string) {
			payment := r.pays(company, 500_00)
			r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.LostAnswer})
			id := r.enqueue(request(company, payment, "100.00"))
			first := r.start()
			r.until("the attempt", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 1 })
			first.stop()
			r.startWith(r.second(), "second")
			if rec := r.waitFor(id, refund.Succeeded); rec.Attempts != 1 {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, 100_00)
			r.calls(company, 1)
		})
}
