package tasks_test

import (
	"context"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
	"refundworker/tasks"
)

// A refund was declined, and the provider calls back about it. As long as it
// holds its window it counts for its payment, which is the time to look; then
// what the customer did not get is asked for anew. A dry run says the same.
func TestAContradictedDeclineCountsWhileItHoldsItsWindow(t *testing.T) {
	oneOnly := company(world.Company{})
	oneOnly.Companies[0].Settings = append(oneOnly.Companies[0].Settings, "one_refund_per_payment: true")
	for rule, options := range map[string]world.Options{"one_refund_per_payment": oneOnly, "payment_total": company(world.Company{})} {
		t.Run(rule, func(t *testing.T) {
			world.Run(t, options, func(w *world.World) {
				p := w.Start("a")
				w.Bank("bank").Behave("p-1", world.Decline())
				first := asks("r-1", "100.00")
				first.PaymentTotal = "100.00"
				asked(w, p, first)
				if err := p.Callback("bank", "r-1"); err != nil {
					w.T.Fatal(err)
				}
				if rec := w.Records()["r-1"]; rec.State != refund.Declined || rec.Contradicted == "" {
					w.T.Fatalf("%s, contradicted %q", rec.State, rec.Contradicted)
				}
				ask := func(r refund.Request, status tasks.Status, rule string) {
					t.Helper()
					var foreseen tasks.Receipt
					order, err := p.Enqueuer.Check(r)
					if err == nil {
						err = p.Do(func(ctx context.Context) error { foreseen, err = p.Enqueuer.Peek(ctx, order); return err })
					}
					if err != nil || foreseen.Status != status || foreseen.Rule != rule {
						t.Errorf("foreseen for %s: %+v, %v", r.RefundID, foreseen, err)
					}
					if got, err := p.Enqueue(r); err != nil || got.Status != status || got.Rule != rule {
						t.Errorf("%s: %+v, %v", r.RefundID, got, err)
					}
				}
				w.Advance(29 * time.Minute)
				ask(asks("r-2", "100.00"), tasks.Duplicate, "duplicate")
				ask(asks("r-3", "50.00"), tasks.Invalid, rule)
				w.Advance(2 * time.Minute)
				ask(asks("r-4", "100.00"), tasks.Queued, "")
				settled(w, p)
				if moved, _ := w.Bank("bank").Moved("p-1", "r-4"); moved != 100_00 {
					t.Errorf("the new one moved %d", moved)
				}
			})
		})
	}
}
