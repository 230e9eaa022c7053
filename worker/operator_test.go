package worker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestPausedProviderIsLeftAloneUntilItIsResumed(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		if err := r.operator.Pause(t.Context(), company, "anna", "the bank has a bad day"); err != nil {
			t.Fatal(err)
		}
		payment := r.pays(company, 500_00)
		id := r.enqueue(request(company, payment, "100.00"))
		r.start()
		r.until("the task says why it waits", func() bool {
			info := r.task(company, id)
			return info != nil && strings.Contains(info.LastErr, "operator: the bank has a bad day")
		})
		if rec := r.get(id); rec.State != refund.Queued || rec.Attempts != 0 {
			t.Errorf("%s", r.story(rec))
		}
		if calls := r.companies.RecentCalls(); len(calls) != 0 {
			t.Errorf("called under an operator's pause: %+v", calls)
		}
		if status, err := r.operator.Paused(t.Context(), company); err != nil || status.Reason != pause.ReasonOperator || status.By != "anna" {
			t.Errorf("status %+v, %v", status, err)
		}
		if err := r.operator.Resume(t.Context(), company, "anna"); err != nil {
			t.Fatal(err)
		}
		r.waitFor(id, refund.Succeeded)
		r.moved(company, payment, 100_00)
	})
}

func TestSickProviderPausesAndComesBackByItself(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.companies.Down(company, &sandbox.Fault{Kind: sandbox.ServerErrorBefore})
		payments, ids := []string{}, []string{}
		for range 8 {
			payment := r.pays(company, 500_00)
			payments = append(payments, payment)
			ids = append(ids, r.enqueue(request(company, payment, "100.00")))
		}
		r.start()
		r.until("the pause for health", func() bool {
			status, err := r.operator.Paused(t.Context(), company)
			return err == nil && status.Reason == pause.ReasonHealth
		})
		r.companies.Down(company, nil)
		for i, id := range ids {
			r.waitFor(id, refund.Succeeded)
			r.moved(company, payments[i], 100_00)
		}
	})
}

// inReview makes a refund of 100.00 whose attempt was lost before the effect.
func (r *rig) inReview(company string) (payment, id string) {
	r.t.Helper()
	payment = r.pays(company, 500_00)
	r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
	id = r.enqueue(request(company, payment, "100.00"))
	rec := r.waitFor(id, refund.Review)
	if rec.ReasonCode != "not_proven" || !rec.Unproven {
		r.t.Fatalf("%s", r.story(rec))
	}
	return payment, id
}

// retry asks for a retry and waits until the worker has carried it out.
func (r *rig) retry(id string, risk bool) *journal.Record {
	r.t.Helper()
	if _, err := r.operator.Retry(r.t.Context(), id, journal.RetryRequest{By: "anna", Note: "please", AcceptRisk: risk}); err != nil {
		r.t.Fatal(err)
	}
	var rec *journal.Record
	r.until("the request is carried out", func() bool {
		rec = r.get(id)
		return rec.Request == nil && (rec.State == refund.Review || rec.State.Terminal())
	}, func() string { return r.story(rec) })
	return rec
}

func (r *rig) noted(rec *journal.Record, text string) bool {
	r.t.Helper()
	list, err := r.backend.Journal.History(r.t.Context(), rec)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range list {
		if strings.Contains(h.Note, text) {
			return true
		}
	}
	return false
}

var noResends = map[string]string{"reconcile": "{first: 100ms, settle: 1s, max_resends: 0}"}

func TestRetryOfWhatProvablyDidNotHappenPaysOnce(t *testing.T) {
	everyCompany(t, setup{provider: noResends}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.inReview(company)
		if rec := r.retry(id, false); rec.State != refund.Succeeded {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)
		r.calls(company, 2)
		if r.task(company, id) == nil {
			t.Error("no task carries the result")
		}
	})
}

func TestRetryAgainstEvidenceIsRefused(t *testing.T) {
	everyCompany(t, setup{provider: noResends}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.inReview(company)
		// It shows only now that the money went back.
		if err := r.companies.RefundByHand(company, payment, 100_00); err != nil {
			t.Fatal(err)
		}
		for _, risk := range []bool{false, true} {
			rec := r.retry(id, risk)
			if rec.State != refund.Review || !r.noted(rec, "retry refused: ") {
				t.Errorf("risk %v: %s", risk, r.story(rec))
			}
		}
		r.calls(company, 1)
		r.moved(company, payment, 100_00)
	})
}

func TestRetryThatNobodyCanProveNeedsTheRiskAccepted(t *testing.T) {
	settings := map[string]string{"preflight": "false", "reconcile": "{first: 100ms, settle: 1s, max_resends: 0}"}
	everyCompany(t, setup{provider: settings}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.inReview(company)
		if rec := r.retry(id, false); rec.State != refund.Review || !r.noted(rec, "--accept-risk") {
			t.Errorf("%s", r.story(rec))
		}
		r.calls(company, 1)
		if rec := r.retry(id, true); rec.State != refund.Succeeded {
			t.Errorf("%s", r.story(rec))
		}
		r.calls(company, 2)
		r.moved(company, payment, 100_00)
	})
}

func TestAcceptedRiskIsSpentByOneAttempt(t *testing.T) {
	settings := map[string]string{"preflight": "false", "reconcile": "{first: 100ms, settle: 1s, max_resends: 0}"}
	everyCompany(t, setup{provider: settings}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.inReview(company)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
		if rec := r.retry(id, true); rec.State != refund.Review || rec.Attempts != 2 || rec.Risk {
			t.Errorf("%s", r.story(rec))
		}
		r.calls(company, 2)
	})
}

func TestRetryWaitsForTheSettlingTime(t *testing.T) {
	everyCompany(t, setup{top: map[string]string{"retry": "{initial: 50ms, max: 200ms, give_up_after: 1s}"},
		provider: map[string]string{"reconcile": "{first: 100ms, settle: 5s}"}}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
		id := r.enqueue(request(company, payment, "100.00"))
		rec := r.waitFor(id, refund.Review)
		if rec.ReasonCode != "gave_up" || rec.Now.After(rec.AttemptEnd.Add(4*time.Second)) {
			t.Fatalf("not given up before the settling time: %s", r.story(rec))
		}
		if got := r.retry(id, true); got.State != refund.Succeeded {
			t.Errorf("%s", r.story(got))
		}
		var at []time.Time
		for _, c := range r.companies.RecentCalls() {
			if c.Operation == sandbox.OpRefund {
				at = append(at, c.At)
			}
		}
		if over := rec.AttemptEnd.Add(5 * time.Second); len(at) != 2 || at[1].Before(over) {
			t.Errorf("refund calls at %v, want the second not before %v", at, over)
		}
		r.moved(company, payment, 100_00)
	})
}

func TestPartialOutcomeIsForAPersonWhoSaysWhatMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Sberbank}})
	r.start()
	payment := r.pay(sandbox.Payment{Company: sandbox.Sberbank, Minor: 200_00, PointsMinor: 50_00})
	r.companies.Fail(sandbox.Sberbank, payment, sandbox.Fault{Kind: sandbox.PartialOutcome})
	id := r.enqueue(request(sandbox.Sberbank, payment, "100.00"))
	rec := r.waitFor(id, refund.Review)
	if rec.ReasonCode != "partial" || !rec.Partial || rec.Moved == nil || *rec.Moved != 75_00 {
		t.Errorf("%s", r.story(rec))
	}
	r.moved(sandbox.Sberbank, payment, 75_00)
	list, err := rec.AttemptList()
	if err != nil || len(list) != 1 || len(list[0].Parts) != 2 {
		t.Errorf("attempts %+v, %v", list, err)
	}
	ctx := t.Context()
	if _, err := r.operator.Retry(ctx, id, journal.RetryRequest{By: "anna", Note: "again", AcceptRisk: true}); !errors.Is(err, tasks.ErrNotPossible) {
		t.Errorf("retry after a partial outcome: %v", err)
	}
	for name, bad := range map[string]tasks.Resolution{
		"no amount":    {Outcome: refund.Succeeded, Note: "seen", By: "anna"},
		"too much":     {Outcome: refund.Succeeded, Moved: "100.01", Note: "seen", By: "anna"},
		"no decimal":   {Outcome: refund.Succeeded, Moved: "much", Note: "seen", By: "anna"},
		"no note":      {Outcome: refund.Succeeded, Moved: "75.00", By: "anna"},
		"no outcome":   {Moved: "75.00", Note: "seen", By: "anna"},
		"both at once": {Outcome: refund.Declined, Moved: "75.00", Note: "seen", By: "anna"},
		"neither":      {Outcome: refund.Succeeded, Moved: "0", Note: "seen", By: "anna"},
		"odd outcome":  {Outcome: refund.Canceled, Moved: "75.00", Note: "seen", By: "anna"},
	} {
		var invalid refund.Invalid
		if _, err := r.operator.Resolve(ctx, id, bad); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.until("the review's task is archived", func() bool { info := r.task(sandbox.Sberbank, id); return info != nil && info.LastErr != "" })
	rec, err = r.operator.Resolve(ctx, id, tasks.Resolution{Outcome: refund.Succeeded, Moved: "75.00", Note: "seen in the portal", By: "anna"})
	if err != nil || rec.State != refund.Succeeded || rec.Moved == nil || *rec.Moved != 75_00 || rec.ReasonCode != "resolved" {
		t.Errorf("%v %s", err, r.story(rec))
	}
	if r.task(sandbox.Sberbank, id) != nil {
		t.Error("the decided review's task is still there")
	}
	if got := r.ask(request(sandbox.Sberbank, payment, "100.00")); got.Status != tasks.Duplicate {
		t.Errorf("a partial outcome holds the window: %+v", got)
	}
	r.calls(sandbox.Sberbank, 1)
}

func TestOperatorRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{provider: noResends})
	ctx := t.Context()
	queued := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	impossible := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, tasks.ErrNotPossible) {
			t.Errorf("%s: %v", what, err)
		}
	}
	invalid := func(what string, err error) {
		t.Helper()
		var faults refund.Invalid
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", what, err)
		}
	}
	yes := tasks.Resolution{Outcome: refund.Succeeded, Note: "n", By: "anna"}
	_, err := r.operator.Resolve(ctx, queued, yes)
	impossible("resolve a queued one", err)
	_, err = r.operator.Retry(ctx, queued, journal.RetryRequest{By: "anna", Note: "n"})
	impossible("retry a queued one", err)
	_, err = r.operator.Cancel(ctx, queued, "anna", "")
	invalid("cancel without a note", err)
	for range 2 { // canceling twice is canceling
		if rec, err := r.operator.Cancel(ctx, queued, "anna", "n"); err != nil || rec.State != refund.Canceled {
			t.Errorf("cancel: %v", err)
		}
	}
	_, err = r.operator.Cancel(ctx, "nobody", "anna", "n")
	if !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("cancel an unknown id: %v", err)
	}
	invalid("pause an unknown provider", r.operator.Pause(ctx, "nobody", "anna", "n"))
	invalid("resume an unknown provider", r.operator.Resume(ctx, "nobody", "anna"))

	r.start()
	payment, review := r.inReview(sandbox.UnitPay)
	_, err = r.operator.Cancel(ctx, review, "anna", "n")
	impossible("cancel a review", err)
	_, err = r.operator.Retry(ctx, review, journal.RetryRequest{By: "anna"})
	invalid("retry without a note", err)
	rec, err := r.operator.Resolve(ctx, review, tasks.Resolution{Outcome: refund.Declined, Note: "the portal shows nothing", By: "anna"})
	if err != nil || rec.State != refund.Declined || rec.Moved == nil || *rec.Moved != 0 {
		t.Errorf("resolve: %v %s", err, r.story(rec))
	}
	_, err = r.operator.Resolve(ctx, review, yes)
	impossible("resolve twice", err)
	_, err = r.operator.Cancel(ctx, review, "anna", "n")
	impossible("cancel a settled one", err)
	// Declined for good by a person: the window is open.
	r.waitFor(r.enqueue(request(sandbox.UnitPay, payment, "100.00")), refund.Succeeded)
	r.moved(sandbox.UnitPay, payment, 100_00)
}
