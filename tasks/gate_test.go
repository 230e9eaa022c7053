package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/pause"
	"refundworker/ratelimit"
	"refundworker/refund"
	"refundworker/tasks"
)

// busy is a company with a limit of one call in two seconds, of which others
// have taken the next slots.
func busy(t *testing.T, slots int, f func(w *world.World, p *world.Process)) {
	o := company(world.Company{NoStatus: true})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "rate_limit: 30/m", "burst: 1", "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		for range slots {
			_, ok, err := p.Processor.Desk.Limiter.Reserve(context.Background(), "bank", ratelimit.Limit{Calls: 30, Per: time.Minute}, 1, ratelimit.MaxWait)
			if !ok || err != nil {
				w.T.Fatal(ok, err)
			}
		}
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		f(w, p)
	})
}

func TestARefundWithoutASlotKeepsItsPlaceUntilItsTurn(t *testing.T) {
	busy(t, 5, func(w *world.World, p *world.Process) {
		begun := w.Now()
		if err := p.Deliver("r-1"); err != nil {
			w.T.Fatalf("it went back to the queue: %v", err)
		}
		calls := w.Bank("bank").Calls()
		if len(calls) != 1 || calls[0].At.Sub(begun).Round(time.Second) != 10*time.Second {
			w.T.Errorf("calls %v, want one when the fifth slot is over, 10s after %s", calls, begun)
		}
	})
}

func TestACallLeavesInItsSlotHoweverLongWritingItAheadTakes(t *testing.T) {
	busy(t, 1, func(w *world.World, p *world.Process) {
		begun := w.Now()
		p.FaultOn("begin.lua", world.Slow)
		if err := p.Deliver("r-1"); err != nil {
			w.T.Fatal(err)
		}
		if calls := w.Bank("bank").Calls(); len(calls) != 1 || calls[0].At.Sub(begun) != 2*time.Second {
			w.T.Errorf("calls %v, want one when the slot begins, 2s after %s", calls, begun)
		}
	})
}

// A slot that is free begins when the attempt can leave, and the next one an interval
// after that: it is no use that it begins at once, for a call that is late.
func TestTwoCallsAreAnIntervalApartThoughWritingTheFirstAheadTakesLong(t *testing.T) {
	busy(t, 0, func(w *world.World, p *world.Process) {
		if _, err := p.Enqueue(asksOf("p-2", "r-2", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		var told heard
		p.Processor.Observer = &told
		p.FaultOn("begin.lua", world.Slow)
		if err := p.Deliver("r-1"); err != nil || told.limited != 0 {
			w.T.Fatalf("%v; the limit held it up %d times", err, told.limited)
		}
		if err := p.Deliver("r-2"); err != nil || told.limited != 1 {
			w.T.Fatalf("%v; the limit held it up %d times", err, told.limited)
		}
		if calls := w.Bank("bank").Calls(); len(calls) != 2 || calls[1].At.Sub(calls[0].At) != 2*time.Second {
			w.T.Errorf("calls %v, want them 2s apart", calls)
		}
	})
}

func TestACallLeavesInItsSlotHoweverLateTheAnswerIsRead(t *testing.T) {
	busy(t, 0, func(w *world.World, p *world.Process) {
		if _, err := p.Enqueue(asksOf("p-2", "r-2", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		if err := p.Deliver("r-1"); err != nil { // by which the server's clock is known
			w.T.Fatal(err)
		}
		p.FaultOn("admit.lua", world.Slow)
		if err := p.Deliver("r-2"); err != nil {
			w.T.Fatal(err)
		}
		calls := w.Bank("bank").Calls()
		if len(calls) != 2 {
			w.T.Fatal(calls)
		}
		if apart := calls[1].At.Sub(calls[0].At); apart < 2*time.Second || apart > 2*time.Second+time.Millisecond {
			w.T.Errorf("calls %v, want them 2s apart", calls)
		}
	})
}

func TestAnIdleWorkersCallWaitsNoLongerThanTheOnesBeforeItTookToGetReady(t *testing.T) {
	busy(t, 0, func(w *world.World, p *world.Process) {
		took := func(id string) time.Duration {
			time.Sleep(time.Minute)
			if _, err := p.Enqueue(asksOf(id, id, "1.00")); err != nil {
				w.T.Fatal(err)
			}
			begun := w.Now()
			if err := p.Deliver(id); err != nil {
				w.T.Fatal(err)
			}
			calls := w.Bank("bank").Calls()
			return calls[len(calls)-1].At.Sub(begun)
		}
		if first := took("first"); first != 50*time.Millisecond {
			w.T.Errorf("the first leaves after %s, want 50ms: nobody knows what it takes", first)
		}
		for i := range 40 {
			took(fmt.Sprintf("next-%d", i))
		}
		if later := took("later"); later > time.Millisecond {
			w.T.Errorf("when none took long, one leaves after %s", later)
		}
		p.FaultOn("begin.lua", world.Slow)
		if slow := took("slow"); slow != world.Slowness {
			w.T.Errorf("the one that takes long leaves after %s, want %s", slow, world.Slowness)
		}
		if next := took("last"); next != world.Slowness {
			w.T.Errorf("the one after that leaves after %s, want %s", next, world.Slowness)
		}
	})
}

func TestARefundWhoseTurnIsFarGoesBackToTheQueue(t *testing.T) {
	busy(t, 20, func(w *world.World, p *world.Process) {
		begun := w.Now()
		later := tasks.AsLater(p.Deliver("r-1"))
		if later == nil || !strings.Contains(later.Why, "the rate limit of bank") {
			w.T.Fatalf("got %v, want to wait for the limit", later)
		}
		// Two seconds before the slot, in which it is reserved.
		if back := w.Now().Sub(begun) + later.After; back < 38*time.Second || back > 45*time.Second {
			w.T.Errorf("it comes back after %s, want some 38 s", back)
		}
		if held := w.Now().Sub(begun).Round(time.Second); held != 15*time.Second {
			w.T.Errorf("it kept its place for %s: others went round in the queue", held)
		}
	})
}

func TestTheSpareClockworkWaitsForNoSlot(t *testing.T) {
	busy(t, 1, func(w *world.World, p *world.Process) {
		begun := w.Now()
		err := p.Do(func(ctx context.Context) error {
			rec, err := p.Backend.Journal.Get(ctx, "r-1")
			if err == nil {
				_, err = p.Processor.Run(tasks.AsSpare(ctx), rec)
			}
			return err
		})
		if later := tasks.AsLater(err); later == nil || !w.Now().Equal(begun) {
			w.T.Errorf("got %v after %s, want to be sent away at once", err, w.Now().Sub(begun))
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Queued {
			w.T.Errorf("it is %s", rec.State)
		}
		// The slot is still there for the queue.
		if err := p.Deliver("r-1"); err != nil || w.Now().Sub(begun).Round(time.Second) != 2*time.Second {
			w.T.Errorf("the queue's own worker: %v after %s, want it in the next slot", err, w.Now().Sub(begun))
		}
	})
}

// An attempt that was not begun has given its pass back by then. That it is taken
// back says nothing of anybody's trial call.
func TestAnAttemptTakenBackGivesUpNobodysTrialCall(t *testing.T) {
	o := company(world.Company{NoStatus: true})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		board := w.Start("b").Processor.Desk.Board
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		p.FaultOn("begin.lua", world.Unconfirmed)
		p.FaultOn("load.lua", world.Hold)
		if err := p.Deliver("r-1"); !errors.Is(err, world.ErrFrozen) {
			w.T.Fatal(err)
		}
		if err := board.Report(context.Background(), "bank", pause.Credentials("refused")); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(time.Second)
		if trial, err := board.Enter(context.Background(), "bank", time.Minute); err != nil || !trial.Probe {
			w.T.Fatalf("%+v, %v", trial, err)
		}
		if later := tasks.AsLater(p.Thaw()); later == nil || !strings.Contains(later.Why, "not_durable") {
			w.T.Fatal(later)
		}
		if second, err := board.Enter(context.Background(), "bank", time.Minute); err != nil || second.Open {
			w.T.Errorf("a second trial call beside the first: %+v, %v", second, err)
		}
	})
}

// Only what calls the provider waits for it, and once: the attempt that might have
// begun with reading the refund is no reason to.
func TestAPauseHoldsUpNobodyTwice(t *testing.T) {
	o := company(world.Company{NoStatus: true})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		for _, id := range []string{"r-1", "r-2"} {
			request := asks(id, "1.00")
			request.PaymentID = id
			if _, err := p.Enqueue(request); err != nil {
				w.T.Fatal(err)
			}
		}
		if err := p.Deliver("r-1"); err != nil {
			w.T.Fatal(err)
		}
		if err := p.Operator.Pause(context.Background(), "bank", "ann", "a new contract"); err != nil {
			w.T.Fatal(err)
		}
		for id, want := range map[string]time.Duration{"r-1": 0, "r-2": 2250 * time.Millisecond} {
			begun := w.Now()
			err := p.Deliver(id)
			if took := w.Now().Sub(begun); took != want {
				w.T.Errorf("%s waits for %s, want %s (%v)", id, took, want, err)
			}
		}
	})
}

func TestATrialCallThatIsCancelledIsTheNextCallers(t *testing.T) {
	busy(t, 1, func(w *world.World, p *world.Process) {
		board := p.Processor.Desk.Board
		if err := board.Report(context.Background(), "bank", pause.Credentials("refused")); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(time.Second) // the slot is in another one
		err := p.Do(func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second/2)
			defer cancel()
			rec, err := p.Backend.Journal.Get(ctx, "r-1")
			if err == nil {
				_, err = p.Processor.Run(ctx, rec)
			}
			return err
		})
		if !errors.Is(err, context.DeadlineExceeded) || len(w.Bank("bank").Calls()) > 0 {
			w.T.Fatal(err, w.Bank("bank").Calls())
		}
		if next, err := board.Enter(context.Background(), "bank", time.Minute); err != nil || !next.Probe {
			w.T.Errorf("%+v, %v", next, err)
		}
	})
}
