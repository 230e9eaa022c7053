package tasks_test

import (
	"errors"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
	"refundworker/tasks"
)

// Two processes ask for one id. The first stands still after it claimed the id;
// the second is refused, since the window is taken. When the first goes on the
// window is over, but the id has its answer.
func TestARefusalHoldsForOneThatClaimedTheIDBefore(t *testing.T) {
	asked := map[string]func(w *world.World, p *world.Process) error{
		"by an order system": func(_ *world.World, p *world.Process) error {
			_, err := p.Enqueue(asks("r-2", "100.00"))
			return err
		},
		"by a foreign task": func(_ *world.World, p *world.Process) error {
			return p.Foreign([]byte(`{"version":1,"refund_id":"r-2","provider":"bank","payment_id":"p-1","amount":"100.00","currency":"RUB"}`))
		},
	}
	for name, ask := range asked {
		t.Run(name, func(t *testing.T) {
			options := company(world.Company{})
			options.Cluster = true // where claiming and taking in are steps of their own
			world.Run(t, options, func(w *world.World) {
				slow, other := w.Start("slow"), w.Start("other")
				if _, err := other.Enqueue(asks("r-1", "100.00")); err != nil {
					w.T.Fatal(err)
				}
				slow.FaultOn("take.lua", world.FreezeSent)
				if err := ask(w, slow); !errors.Is(err, world.ErrFrozen) {
					w.T.Fatal(err)
				}
				if receipt, err := other.Enqueue(asks("r-2", "100.00")); err != nil || receipt.Status != tasks.Duplicate {
					w.T.Fatal(receipt, err)
				}
				if err := w.Settle(time.Hour, other); err != nil {
					w.T.Fatal(err)
				}
				w.Advance(time.Hour)
				_ = slow.Thaw()
				if err := errors.Join(w.Settle(time.Hour, other, slow), w.CheckSettled()); err != nil {
					t.Error(err)
				}
				if moved, _ := w.Bank("bank").Moved("p-1", "r-2"); moved != 0 {
					t.Errorf("the refused one moved %d", moved)
				}
				if rec := w.Records()["r-2"]; rec != nil && (rec.State != refund.Declined || rec.ReasonCode != "duplicate") {
					t.Error(rec.State, rec.ReasonCode)
				}
				if receipt, err := other.Enqueue(asks("r-2", "100.00")); err != nil || receipt.Status != tasks.Duplicate && receipt.Status != tasks.Existing {
					t.Error(receipt, err)
				}
			})
		})
	}
}

// A reply that is lost makes the client ask again, and asynq refuses to run a
// task that runs already: that is no failure.
func TestRousingATaskTwiceIsNoFailure(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		p := w.Start("a")
		w.Bank("bank").Behave("p-1", world.Accept(time.Hour, false))
		if _, err := p.Enqueue(asks("r-1", "100.00")); err != nil {
			w.T.Fatal(err)
		}
		if err := p.Turn(); err != nil {
			w.T.Fatal(err)
		}
		before := len(w.Steps())
		w.Plan = func(s world.Step) world.Mode { // repeats what moves the task
			if s.Number > before && s.Write && s.Label == "EVALSHA asynq t" || s.Label == "EVAL asynq t" {
				return world.Repeat
			}
			return world.None
		}
		if err := p.Callback("bank", "r-1"); err != nil {
			t.Error(err)
		}
	})
}
