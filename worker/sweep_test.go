package worker_test

import (
	"errors"
	"testing"

	"github.com/hibiken/asynq"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// task is the refund's task; nil if there is none.
func (r *rig) task(company, id string) *asynq.TaskInfo {
	r.t.Helper()
	info, err := r.inspector.GetTaskInfo(company, id)
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return info
}

func TestDeletedTaskComesBackUnlessTheRefundWasCanceled(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		deleted, canceled := r.pays(company, 500_00), r.pays(company, 500_00)
		canceledID := r.enqueue(request(company, canceled, "100.00"))
		if rec, err := r.operator.Cancel(t.Context(), canceledID, "anna", "not wanted"); err != nil || rec.State != refund.Canceled {
			t.Fatalf("cancel: %v", err)
		}
		if r.task(company, canceledID) != nil {
			t.Error("the canceled refund's task is still there")
		}
		deletedID := r.enqueue(request(company, deleted, "100.00"))
		if err := r.inspector.DeleteTask(company, deletedID); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.waitFor(deletedID, refund.Succeeded)
		// The sweep that put the deleted one back has passed the canceled one.
		if r.task(company, canceledID) != nil {
			t.Error("the canceled refund's task came back")
		}
		if rec := r.get(canceledID); rec.State != refund.Canceled {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, deleted, 100_00)
		r.moved(company, canceled, 0)
	})
}

func TestLosingTheWholeQueueLosesNoRefund(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		payments, ids := map[string]string{}, []string{}
		for range 6 {
			payment := r.pays(company, 500_00)
			id := r.enqueue(request(company, payment, "100.00"))
			payments[id], ids = payment, append(ids, id)
		}
		r.companies.Fail(company, payments[ids[0]], sandbox.Fault{Kind: sandbox.LostAnswer})
		if err := r.raw.Del(t.Context(), r.keys("asynq:*")...).Err(); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.until("the attempt whose answer is lost", func() bool { return r.get(ids[0]).Attempts == 1 })
		if err := r.raw.Del(t.Context(), r.keys("asynq:*")...).Err(); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if rec := r.waitFor(id, refund.Succeeded); rec.Attempts != 1 {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payments[id], 100_00)
		}
	})
}

func TestTaskDeletedWhileUnknownComesBack(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"reconcile": "{first: 3s, settle: 6s}"}}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
		id := r.enqueue(request(company, payment, "100.00"))
		r.start()
		r.waitFor(id, refund.Unknown)
		r.until("the task can be deleted", func() bool { return r.inspector.DeleteTask(company, id) == nil })
		r.waitFor(id, refund.Succeeded)
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}

func TestTaskRunByHandAgainAndAgainSendsNothingAgain(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"reconcile": "{first: 2s, settle: 4s}"}}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
		id := r.enqueue(request(company, payment, "100.00"))
		r.start()
		r.waitFor(id, refund.Unknown)
		ran := 0
		r.until("it has succeeded in spite of the clicks", func() bool {
			if r.inspector.RunTask(company, id) == nil {
				ran++
			}
			return r.get(id).State == refund.Succeeded
		})
		if ran == 0 {
			t.Error("the task was never run by hand")
		}
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}

func TestArchivedTaskOfAReviewRunByHandPaysNothing(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"preflight": "false", "reconcile": "{first: 100ms, settle: 1s, max_resends: 0}"}},
		func(t *testing.T, r *rig, company string) {
			payment := r.pays(company, 500_00)
			r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
			id := r.enqueue(request(company, payment, "100.00"))
			r.start()
			before := r.waitFor(id, refund.Review)
			archived := func() bool {
				info := r.task(company, id)
				return info != nil && info.State == asynq.TaskStateArchived
			}
			r.until("the task is archived", archived)
			runs := func() int {
				info, err := r.inspector.GetQueueInfo(company)
				if err != nil {
					t.Fatal(err)
				}
				return info.ProcessedTotal
			}
			first := runs()
			if err := r.inspector.RunTask(company, id); err != nil {
				t.Fatal(err)
			}
			r.until("the task has run and is archived again", func() bool { return runs() > first && archived() })
			if after := r.get(id); after.State != refund.Review || after.Version != before.Version {
				t.Errorf("%s", r.story(after))
			}
			r.calls(company, 1)

			// Deleting it loses nothing: the review stays, and can be decided.
			if err := r.inspector.DeleteTask(company, id); err != nil {
				t.Fatal(err)
			}
			if after := r.get(id); after.State != refund.Review {
				t.Errorf("%s", r.story(after))
			}
		})
}

func TestFinishedTaskPutBackByHandPaysNothing(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		q := request(company, payment, "100.00")
		id := r.enqueue(q)
		r.start()
		before := r.waitFor(id, refund.Succeeded)
		completed := func() bool {
			info := r.task(company, id)
			return info != nil && info.State == asynq.TaskStateCompleted
		}
		r.until("the task is completed", completed)
		if len(r.task(company, id).Result) == 0 {
			t.Error("the completed task carries no result")
		}
		if err := r.inspector.DeleteTask(company, id); err != nil {
			t.Fatal(err)
		}
		p := payload(company, payment, "100.00")
		p["refund_id"] = id
		r.foreign(company, id, p)
		r.until("the task has run", func() bool {
			info := r.task(company, id)
			return info == nil || info.State == asynq.TaskStateCompleted
		})
		if after := r.get(id); after.Version != before.Version {
			t.Errorf("%s", r.story(after))
		}
		r.calls(company, 1)
	})
}

func TestTaskArchivedByHandComesBack(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		id := r.enqueue(request(company, payment, "100.00"))
		if err := r.inspector.ArchiveTask(company, id); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.waitFor(id, refund.Succeeded)
		r.moved(company, payment, 100_00)
	})
}
