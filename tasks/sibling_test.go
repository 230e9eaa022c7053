package tasks_test

import (
	"errors"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
	"refundworker/tasks"
)

// An earlier refund of the payment was unknown, so the provider may have had it;
// then it drops it, and a person says so. The provider still counts it for a
// while: it stands in the next one's baseline, and when it is gone the total has
// not risen, whatever the next one has moved.
func TestARefundThatWasDroppedHidesTheNextOne(t *testing.T) {
	world.Run(t, company(world.Company{Lag: 20 * time.Second}), func(w *world.World) {
		bank, p := w.Bank("bank"), w.Start("one")
		recorded := world.AcceptThenReject(3*time.Minute, false)
		recorded.Silent = true
		bank.Behave("p-1", recorded, world.LoseAnswer())
		if _, err := p.Enqueue(asks("r-1", "100.00")); err != nil {
			t.Fatal(err)
		}
		_ = p.Turn()
		bank.ByHand("p-1", 1) // so that the total rises by another amount
		if err := w.Settle(10*time.Minute, p); err != nil {
			t.Fatal(err)
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Review {
			t.Fatalf("the first one is %s (%s)", rec.State, rec.ReasonCode)
		}
		for moved := int64(1); moved > 0; moved, _ = bank.Moved("p-1", "r-1") {
			w.Advance(time.Second)
		}
		if err := p.Resolve("r-1", tasks.Resolution{Outcome: refund.Declined, Note: "the portal says rejected", By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Enqueue(asks("r-2", "100.00")); err != nil || got.Status != tasks.Queued {
			t.Fatal(got.Status, err)
		}
		if err := errors.Join(w.Settle(2*time.Hour, p), w.CheckSettled()); err != nil {
			t.Error(err)
		}
		if rec := w.Records()["r-2"]; rec.State != refund.Review || rec.Attempts != 1 {
			t.Errorf("the second one is %s (%s) after %d attempts", rec.State, rec.ReasonCode, rec.Attempts)
		}
	})
}
