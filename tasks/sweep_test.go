package tasks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
)

// A provider that is paused has many accepted refunds to be asked about,
// each of which waits a while for the end of the pause. A killed worker's refund
// at another provider must not wait for them.
func TestAPausedProviderKeepsNobodyElsesRefundsWaiting(t *testing.T) {
	busy := named("busy", world.Company{RefundStatus: true})
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{}), busy}}, func(w *world.World) {
		first, second := w.Start("first"), w.Start("second")
		for i := range 80 {
			r := asks(fmt.Sprintf("accepted-%d", i), "1.00")
			r.Provider, r.PaymentID = "busy", fmt.Sprintf("p-%d", i)
			w.Bank("busy").Behave(r.PaymentID, world.Accept(time.Hour, true))
			if _, err := first.Enqueue(r); err != nil {
				t.Fatal(err)
			}
		}
		for worked, err := first.Work(); worked || err != nil; worked, err = first.Work() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := first.Operator.Pause(context.Background(), "busy", "ann", "maintenance"); err != nil {
			t.Fatal(err)
		}
		w.Bank("bank").Behave("p-1", world.LoseAnswer())
		if _, err := first.Enqueue(asks("r-1", "60.00")); err != nil {
			t.Fatal(err)
		}
		first.FaultOn("call bank refund", world.DieAfter)
		_ = first.Turn()
		deadline := w.Records()["r-1"].Deadline
		w.Advance(time.Until(deadline) + 5*time.Second)
		began := time.Now()
		if err := second.Tick(); err != nil {
			t.Fatal(err)
		}
		history, err := w.Journal.History(context.Background(), w.Records()["r-1"])
		if err != nil {
			t.Fatal(err)
		}
		last := history[len(history)-1]
		if last.To != refund.Unknown || last.At.Sub(began) > time.Second {
			t.Errorf("it became %s %s after the sweep began", last.To, last.At.Sub(began))
		}
	})
}
