package world_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/tasks"
)

func request(id, payment, amount string) refund.Request {
	return refund.Request{RefundID: id, Provider: "bank", PaymentID: payment, Amount: amount, Currency: "RUB", Reason: "returned"}
}

// enqueue takes a refund in that must be queued.
func enqueue(w *world.World, p *world.Process, r refund.Request) {
	w.T.Helper()
	if receipt, err := p.Enqueue(r); err != nil || receipt.Status != tasks.Queued {
		w.T.Fatal(receipt, err)
	}
}

func TestARefundSucceedsWhereNothingGoesWrong(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		began := w.Now()
		p := w.Start("a")
		enqueue(w, p, request("r-1", "p-1", "100.00"))
		if err := errors.Join(w.Settle(time.Hour, p), w.CheckSettled()); err != nil {
			t.Error(err)
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Succeeded || w.Now().Sub(began) > time.Second {
			t.Error(rec.State, rec.Why, w.Now().Sub(began))
		}
		if moved, times := w.Bank("bank").Moved("p-1", "r-1"); moved != 100_00 || times != 1 {
			t.Error(moved, times)
		}
	})
}

func TestTheSameStoryMakesTheSameSteps(t *testing.T) {
	tell := func() (labels []string) {
		world.Run(t, world.Options{}, func(w *world.World) {
			p := w.Start("a")
			w.Bank("bank").Behave("p-1", world.LoseAnswer())
			enqueue(w, p, request("r-1", "p-1", "100.00"))
			if err := w.Settle(time.Hour, p); err != nil {
				t.Error(err)
			}
			for _, s := range w.Steps() {
				labels = append(labels, s.String())
			}
		})
		return labels
	}
	first, second := tell(), tell()
	if len(first) < 30 || !slices.Equal(first, second) {
		t.Errorf("%d and %d steps", len(first), len(second))
	}
}

func TestADeadProcessMakesNoStepAndAnotherGoesOn(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		a, b := w.Start("a"), w.Start("b")
		enqueue(w, a, request("r-1", "p-1", "100.00"))
		a.FaultOn("call bank refund", world.DieAfter)
		if err := a.Turn(); !errors.Is(err, world.ErrDied) {
			w.T.Fatal(err)
		}
		died := len(w.Steps())
		if err := a.Tick(); !errors.Is(err, world.ErrDied) {
			t.Error(err)
		}
		if state := w.Records()["r-1"].State; state != refund.Sending {
			t.Error(state)
		}
		if err := errors.Join(w.Settle(time.Hour, b), w.CheckSettled()); err != nil {
			t.Error(err)
		}
		for _, s := range w.Steps()[died:] {
			if s.Process == "a" {
				t.Errorf("the dead made %s", s)
			}
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Succeeded || rec.Attempts != 1 {
			t.Error(rec.State, rec.Attempts)
		}
	})
}

func TestAFrozenProcessSendsNothingPastTheDeadline(t *testing.T) {
	for _, mode := range []world.Mode{world.Freeze, world.FreezeSent} {
		world.Run(t, world.Options{}, func(w *world.World) {
			p := w.Start("a")
			enqueue(w, p, request("r-1", "p-1", "100.00"))
			p.FaultOn("call bank refund", mode)
			if err := p.Turn(); !errors.Is(err, world.ErrFrozen) || !p.Frozen() {
				w.T.Fatal(err)
			}
			w.Advance(time.Minute)
			if err := p.Thaw(); err != nil {
				t.Error(err)
			}
			if calls := w.Bank("bank").Calls(); len(calls) != 0 {
				t.Errorf("%s: %v", mode, calls)
			}
			if list, err := w.Records()["r-1"].AttemptList(); err != nil || len(list) != 1 || list[0].Code != providers.CodeTooLate {
				t.Errorf("%s: %+v %v", mode, list, err)
			}
		})
	}
}

func TestLostRepliesAndWritesAreSeenAsABrokenConnection(t *testing.T) {
	for mode, taken := range map[world.Mode]bool{world.CutAfter: true, world.CutBefore: false} {
		world.Run(t, world.Options{}, func(w *world.World) {
			p := w.Start("a")
			p.FaultOn("enter.lua", mode)
			if _, err := p.Enqueue(request("r-1", "p-1", "100.00")); !tasks.Unreachable(err) {
				t.Errorf("%s: %v", mode, err)
			}
			if got := w.Records()["r-1"] != nil; got != taken {
				t.Errorf("%s: taken %t", mode, got)
			}
			w.Advance(world.Outage)
			if receipt, err := p.Enqueue(request("r-1", "p-1", "100.00")); err != nil || (receipt.Status == tasks.Existing) != taken {
				t.Errorf("%s: %v %v", mode, receipt, err)
			}
		})
	}
}

func TestWhatIsHeldGoesOnAfterOthersActed(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		a, b := w.Start("a"), w.Start("b")
		enqueue(w, a, request("r-1", "p-1", "100.00"))
		a.FaultOn("begin.lua", world.Hold)
		if err := a.Deliver("r-1"); !errors.Is(err, world.ErrFrozen) {
			w.T.Fatal(err)
		}
		if err := b.Run("r-1"); err != nil {
			t.Error(err)
		}
		if err := a.Thaw(); err != nil {
			t.Error(err)
		}
		if err := w.CheckSettled(); err != nil || w.Records()["r-1"].Attempts != 1 {
			t.Error(err)
		}
	})
}

func TestALieInTheJournalIsFound(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		enqueue(w, w.Start("a"), request("r-1", "p-1", "100.00"))
		rec := w.Records()["r-1"]
		for _, to := range []refund.State{refund.Sending, refund.Succeeded} {
			var err error
			if rec, err = w.Journal.Apply(context.Background(), rec, journal.Step{To: to, By: "liar", Note: "so I say"}); err != nil {
				w.T.Fatal(err)
			}
		}
		if err := w.Check(); err == nil || !strings.Contains(err.Error(), "nothing moved") {
			t.Error(err)
		}
	})
}

func TestTimeMovesForAll(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		ctx := context.Background()
		p := w.Start("a")
		before, err := w.Journal.Now(ctx)
		if err != nil {
			w.T.Fatal(err)
		}
		if err := p.Backend.Redis.Set(ctx, "short", "lived", 30*time.Second).Err(); err != nil {
			w.T.Fatal(err)
		}
		clock := p.Now()
		w.Advance(time.Minute)
		after, err := w.Journal.Now(ctx)
		if err != nil || after.Sub(before) != time.Minute || p.Now().Sub(clock) != time.Minute || w.Redis.Exists("short") {
			t.Error(after.Sub(before), p.Now().Sub(clock), err)
		}
		w.SkewRedis(-time.Hour)
		if skewed, err := w.Journal.Now(ctx); err != nil || after.Sub(skewed) != time.Hour {
			t.Error(skewed, err)
		}
	})
}

func TestAPanicOfTheStoryComesOut(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); got != "stop" {
			t.Error(got)
		}
	}()
	world.Run(t, world.Options{}, func(w *world.World) {
		w.Start("a")
		panic("stop")
	})
}
