package worker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// foreign puts a task on a queue as a producer does that knows asynq and nothing
// of ours.
func (r *rig) foreign(queue, taskID string, payload any, o ...asynq.Option) {
	r.t.Helper()
	raw, ok := payload.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(payload); err != nil {
			r.t.Fatal(err)
		}
	}
	if _, err := r.producer.EnqueueContext(r.t.Context(), asynq.NewTask(tasks.Type, raw), append(o, asynq.Queue(queue), asynq.TaskID(taskID))...); err != nil {
		r.t.Fatal(err)
	}
}

// payload is a task's payload as documented.
func payload(company, payment, amount string) map[string]any {
	q := request(company, payment, amount)
	return map[string]any{"version": 1, "provider": company, "payment_id": payment, "amount": amount, "currency": q.Currency, "reason": "test"}
}

func TestForeignTaskThatIsFineIsProcessed(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.foreign(company, "foreign-1", payload(company, payment, "100.00"))
		rec := r.waitFor("foreign-1", refund.Succeeded)
		if rec.PaymentID != payment {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)

		named := payload(company, payment, "50.00")
		named["refund_id"] = "named-1"
		r.foreign(tasks.BulkQueue(company), "whatever", named)
		r.waitFor("named-1", refund.Succeeded)
		r.moved(company, payment, 150_00)
		if got := r.ask(refund.Request{RefundID: "named-1", Provider: company, PaymentID: payment, Amount: "50", Currency: rec.View().Currency, Reason: "x"}); got.Status != tasks.Existing {
			t.Errorf("the same refund by the enqueuer: %+v", got)
		}
		r.calls(company, 2)
	})
}

// noCallback keeps maib from calling back: a callback that comes when its refund has
// settled has the company asked once more.
func (r *rig) noCallback(company, payment string) {
	if company == sandbox.Maib {
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.CallbackNever})
	}
}

func TestForeignDuplicateIsDeclinedAndCallsNobody(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.noCallback(company, payment)
		first := r.enqueue(request(company, payment, "100.00"))
		r.waitFor(first, refund.Succeeded)
		// What ended it may still be under way.
		r.until("the task of the first is done", func() bool {
			task, err := r.inspector.GetTaskInfo(tasks.Queue(company), first)
			return err == nil && task.State == asynq.TaskStateCompleted
		})
		// The sweeper may still be asking what became of the refund that is one.
		made := func() (n int) {
			for _, c := range r.companies.RecentCalls() {
				if c.Operation != sandbox.OpStatus || c.Payment == payment {
					n++
				}
			}
			return n
		}
		calls := made()
		spelt := payload(company, payment, "100.0")
		if company == sandbox.UnitPay {
			spelt["payment_id"] = "000" + payment // the same payment
		} else {
			spelt["payment_id"] = strings.ToUpper(payment)
		}
		r.foreign(company, "twin", spelt)
		r.foreign(company, "full", payload(company, payment, ""))
		for _, id := range []string{"twin", "full"} {
			rec := r.waitFor(id, refund.Declined)
			if rec.ReasonCode != "duplicate" || !strings.Contains(rec.Refusal, first) || rec.Attempts != 0 {
				t.Errorf("%s %s", r.story(rec), rec.Refusal)
			}
		}
		if got := made(); got != calls {
			t.Errorf("%d calls for duplicates; all: %+v", got-calls, r.companies.RecentCalls())
		}
		r.moved(company, payment, 100_00)
	})
}

func TestForeignTaskOfAnExistingRefundChangesNothing(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		id := r.enqueue(request(company, payment, "100.00"))
		before := r.waitFor(id, refund.Succeeded)
		same := payload(company, payment, "100.00")
		same["refund_id"] = id
		r.foreign(company, "once-more", same)
		r.until("the task is done", func() bool {
			info, err := r.inspector.GetTaskInfo(company, "once-more")
			return err != nil || info.State == asynq.TaskStateCompleted // without retention it goes
		})
		if after := r.get(id); after.Version != before.Version {
			t.Errorf("%s", r.story(after))
		}
		r.calls(company, 1)
	})
}

func TestTasksThatCannotBeARefundGoToTheArchive(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		taken, payment := r.pays(company, 500_00), r.pays(company, 500_00)
		r.noCallback(company, taken)
		id := r.enqueue(request(company, taken, "100.00"))
		r.start()
		before := r.waitFor(id, refund.Succeeded)
		r.until("its task is done", func() bool {
			task, err := r.inspector.GetTaskInfo(tasks.Queue(company), id)
			return err == nil && task.State == asynq.TaskStateCompleted
		})
		calls := len(r.companies.RecentCalls())
		keys := r.keys("refunds:{*}:r:*")

		with := func(field string, value any) map[string]any {
			p := payload(company, payment, "100.00")
			p[field] = value
			return p
		}
		otherPayment, otherAmount := with("refund_id", id), payload(company, taken, "99.00")
		otherAmount["refund_id"] = id
		for name, c := range map[string]struct {
			payload any
			queue   string
			says    string
		}{
			"other-payment":   {otherPayment, company, "conflict"},
			"other-amount":    {otherAmount, company, "conflict"},
			"garbage":         {[]byte("\x00\xff not json"), company, "unreadable payload"},
			"nothing":         {[]byte{}, company, "unreadable payload"},
			"version-2":       {with("version", 2), company, "version"},
			"version-text":    {with("version", "1"), company, "version"},
			"no-version":      {with("version", 0), company, "version"},
			"number":          {with("amount", 100.00), company, "amount"},
			"unknown-field":   {with("ammount", "1"), company, "ammount"},
			"negative":        {with("amount", "-1.00"), company, "amount"},
			"zero":            {with("amount", "0.00"), company, "amount"},
			"too-precise":     {with("amount", "1.001"), company, "amount"},
			"no-currency":     {with("currency", ""), company, "currency"},
			"bad-payment":     {with("payment_id", "no such form!"), company, "payment_id"},
			"other-provider":  {with("provider", "nobody"), company, "wrong queue"},
			"bad-refund-id":   {with("refund_id", "a b"), company, "refund_id"},
			"in-bulk-garbage": {[]byte("{"), tasks.BulkQueue(company), "unreadable payload"},
		} {
			r.foreign(c.queue, name, c.payload)
			r.until(name+" is archived", func() bool {
				info, err := r.inspector.GetTaskInfo(c.queue, name)
				return err == nil && info.State == asynq.TaskStateArchived
			})
			if info, err := r.inspector.GetTaskInfo(c.queue, name); err != nil || !strings.Contains(info.LastErr, c.says) {
				t.Errorf("%s: the reason %q does not say %q (%v)", name, info.LastErr, c.says, err)
			}
		}
		if got := len(r.companies.RecentCalls()); got != calls {
			t.Errorf("%d calls for tasks that are none", got-calls)
		}
		if got := r.keys("refunds:{*}:r:*"); len(got) != len(keys) {
			t.Errorf("the journal has %v, had %v", got, keys)
		}
		if after := r.get(id); after.Version != before.Version {
			t.Errorf("a conflicting task changed the refund: %s", r.story(after))
		}
	})
}

func (r *rig) keys(pattern string) []string {
	r.t.Helper()
	keys, err := r.raw.Keys(r.t.Context(), pattern).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	return keys
}

// A task that may not be tried again is taken in before it waits for its seat, which
// is two seconds: if its worker died meanwhile the queue would give it up, as it does
// when they are over, and then the journal has to know of it.
func TestForeignTaskThatIsTriedOnceIsTakenInBeforeItWaitsForItsSeat(t *testing.T) {
	t.Parallel()
	company := sandbox.UnitPay
	r := newRig(t, setup{companies: []string{company}, provider: map[string]string{"preflight": "false", "concurrency": "4", "timeout": "20s"}})
	var ids []string
	for range 4 {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: 6 * time.Second})
		ids = append(ids, r.enqueue(request(company, payment, "100.00")))
	}
	r.start()
	r.until("all seats are taken", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 4 })
	payment := r.pays(company, 500_00)
	r.foreign(company, "once", payload(company, payment, "100.00"), asynq.MaxRetry(0))
	r.until("it is given up", func() bool { return r.task(company, "once").State == asynq.TaskStateArchived })
	r.calls(company, 4)
	if rec, up := r.get("once"), r.task(company, "once").LastFailedAt; up.Sub(rec.Created) < time.Second { // asynq counts in seconds
		t.Errorf("given up at %s\n%s", up, r.story(rec))
	}
	for _, id := range append(ids, "once") {
		r.waitFor(id, refund.Succeeded)
	}
	r.moved(company, payment, 100_00)
	r.calls(company, 5)
}
