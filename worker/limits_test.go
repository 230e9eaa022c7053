package worker_test

import (
	"errors"
	"strings"
	"testing"

	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// Three workers race for a day of 100.00 with twenty refunds of 30.00. What
// waits is then decided by people, several at once.
func TestWorkersShareADaysLimitAndPeopleDecideTheRest(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{
		"sberbank/limits": `{currency: RUB, per_day: "100.00"}`,
		"unitpay/limits":  `{currency: RUB, per_day: "100.00", per_refund: "30.00", per_payment_count: 1}`,
		"maib/limits":     `{currency: MDL, per_day: "100.00"}`,
	}}, func(t *testing.T, r *rig, company string) {
		payments := map[string]string{}
		for range 20 {
			payment := r.pays(company, 500_00)
			payments[r.enqueue(request(company, payment, "30.00"), tasks.By("ivan@shop"))] = payment
		}
		r.start()
		r.startWith(r.second(), "second")
		r.startWith(r.second(), "third")

		days, waiting := map[string]int{}, []string{}
		for id := range payments {
			rec := r.waitFor(id, refund.Succeeded, refund.Review)
			if rec.State == refund.Succeeded {
				days[rec.Day]++
				continue
			}
			if !rec.WaitsForApproval() || rec.Attempts > 0 || !strings.Contains(rec.Why, "more than per_day (100.00)") {
				t.Errorf("%s", r.story(rec))
			}
			waiting = append(waiting, id)
		}
		for day, n := range days {
			if n > 3 {
				t.Errorf("%d refunds of 30.00 went out on %s, whose limit is 100.00", n, day)
			}
		}
		if went := 20 - len(waiting); went < 3 {
			t.Fatalf("only %d refunds went out", went)
		}
		r.calls(company, 20-len(waiting))

		id := waiting[0]
		r.until("the task is archived", func() bool { info := r.task(company, id); return info != nil && info.State.String() == "archived" })
		ctx := t.Context()
		if _, err := r.operator.Approve(ctx, id, "ivan", "it is right"); !errors.As(err, new(refund.Invalid)) {
			t.Errorf("the requester's approval: %v", err)
		}
		var approvals []func() error
		for _, by := range []string{"anna", "boris", "clara", "dora"} {
			approvals = append(approvals, func() error { _, err := r.operator.Approve(ctx, id, by, "it is right"); return err })
		}
		won := winners(t, atOnce(approvals...))
		rec := r.waitFor(id, refund.Succeeded)
		if by := []string{"anna", "boris", "clara", "dora"}; len(won) != 1 || rec.ApprovedBy != by[won[0]] || rec.RequestedBy != "ivan@shop" {
			t.Errorf("won: %v, approved by %s\n%s", won, rec.ApprovedBy, r.story(rec))
		}
		r.moved(company, payments[id], 30_00)

		id = waiting[1]
		if _, err := r.operator.Resolve(ctx, id, tasks.Resolution{Outcome: refund.Declined, Note: "nobody knows why", By: "anna"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.operator.Approve(ctx, id, "boris", "it is right"); !errors.Is(err, tasks.ErrNotPossible) {
			t.Errorf("after it was declined: %v", err)
		}
		if info := r.task(company, id); info != nil {
			t.Errorf("its task is %s", info.State)
		}
		r.moved(company, payments[id], 0)

		// Approving and declining at once: one of them happens.
		id = waiting[2]
		won = winners(t, atOnce(
			func() error { _, err := r.operator.Approve(ctx, id, "anna", "yes"); return err },
			func() error {
				_, err := r.operator.Resolve(ctx, id, tasks.Resolution{Outcome: refund.Declined, Note: "no", By: "boris"})
				return err
			}))
		rec = r.waitFor(id, refund.Succeeded, refund.Declined)
		if len(won) != 1 || (won[0] == 0) != (rec.State == refund.Succeeded) {
			t.Errorf("won: %v\n%s", won, r.story(rec))
		}
		if v := rec.View(); v.RequestedBy != "ivan@shop" || (v.ApprovedBy == "anna") != (rec.State == refund.Succeeded) || v.ReasonCode == journal.NeedsApproval {
			t.Errorf("%+v", v)
		}
	})
}
