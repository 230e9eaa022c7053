package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
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

// A backlog is looked at together: a sweep makes as many round trips for many
// refunds that wait for a worker as for few, and still finds the one whose task
// is gone.
func TestABacklogCostsASweepNoMoreRoundTrips(t *testing.T) {
	trips := map[int]int{}
	for _, waiting := range []int{3, 60} {
		world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
			first := w.Start("first")
			for i := range waiting {
				r := asks(fmt.Sprintf("r-%d", i), "1.00")
				r.PaymentID = fmt.Sprintf("p-%d", i)
				if _, err := first.Enqueue(r); err != nil {
					t.Fatal(err)
				}
			}
			sweep := func() int {
				t.Helper()
				before := len(w.Steps())
				if err := first.Tick(); err != nil {
					t.Fatal(err)
				}
				return len(w.Steps()) - before
			}
			w.Advance(time.Minute)
			trips[waiting] = sweep()
			w.Drop("r-1")
			w.Advance(time.Minute)
			for range 6 { // at most one of each bucket at a time
				sweep()
			}
			if err := first.Deliver("r-1"); err != nil {
				t.Errorf("of %d the one whose task was gone: %v", waiting, err)
			}
			for id, rec := range w.Records() {
				if want := map[bool]refund.State{true: refund.Succeeded, false: refund.Queued}[id == "r-1"]; rec.State != want {
					t.Errorf("%s is %s, want %s", id, rec.State, want)
				}
			}
		})
	}
	if trips[3] != trips[60] {
		t.Errorf("%d round trips for 3 waiting refunds, %d for 60", trips[3], trips[60])
	}
}

// takes has a process take the task of refund r-1, which has waited for a minute, and
// stand still before it begins anything.
func takes(t *testing.T, w *world.World, p *world.Process) {
	t.Helper()
	if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	p.FaultOn("begin.lua", world.Freeze)
	if _, err := p.Work(); !errors.Is(err, world.ErrFrozen) {
		t.Fatal(err)
	}
}

// In a backlog every refund has been due for long when its task is taken, and may
// wait for its seat then. Its worker is heard of all the same, so nobody takes it up
// beside that worker until nothing was heard for a while.
func TestARefundIsLeftToTheWorkerThatIsHeardOf(t *testing.T) {
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
		first, second := w.Start("first"), w.Start("second")
		takes(t, w, first)
		taken := time.Now()
		state := func(want refund.State) {
			t.Helper()
			if err := second.Tick(); err != nil {
				t.Fatal(err)
			}
			if rec := w.Records()["r-1"]; rec.State != want {
				t.Errorf("%s after its task was taken it is %s, want %s", time.Since(taken), rec.State, want)
			}
		}
		for range 3 {
			state(refund.Queued)
			w.Advance(5 * time.Second) // as asynq's heartbeat
			if _, err := w.Redis.ZAdd("asynq:{bank}:lease", float64(time.Now().Add(30*time.Second).Unix()), "r-1"); err != nil {
				t.Fatal(err)
			}
		}
		state(refund.Queued)
		w.Advance(7 * time.Second)
		state(refund.Queued)
		w.Advance(5 * time.Second)
		state(refund.Succeeded)
		if err := first.Thaw(); err != nil {
			t.Error(err)
		}
		if err := w.Check(); err != nil {
			t.Error(err)
		}
	})
}

// The first refunds of a backlog are about to be worked on. One that has settled
// since the sweeper found it keeps its finished task with the result, and nobody puts
// another one in line.
func TestARefundThatSettlesUnderTheSweepersEyesIsLeftAlone(t *testing.T) {
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
		first, second := w.Start("first"), w.Start("second")
		takes(t, w, first)
		second.FaultOn("load.lua", world.Hold)
		if err := second.Tick(); !errors.Is(err, world.ErrFrozen) {
			t.Fatal(err)
		}
		if err := first.Thaw(); err != nil {
			t.Fatal(err)
		}
		seen := len(w.Steps())
		if err := second.Thaw(); err != nil {
			t.Fatal(err)
		}
		for _, step := range w.Steps()[seen:] {
			if step.Process == "second" && strings.Contains(step.Label, "asynq") {
				t.Errorf("the sweeper went on with %s", step.Label)
			}
		}
		if state := w.Redis.HGet("asynq:{bank}:t:r-1", "state"); state != "completed" {
			t.Errorf("the task is %q", state)
		}
	})
}

// To take a task out of the line, Redis walks all of it: 20 ms for a million. So one
// that the sweeper has done the work of ends when its turn comes; but not a foreign
// producer's, which says nothing of when its refund was taken in.
func TestATaskInLineIsLeftThereWhenItsRefundSettles(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{RefundStatus: true})}}, func(w *world.World) {
			first, second := w.Start("first"), w.Start("second")
			work := func() {
				t.Helper()
				if worked, err := first.Work(); !worked || err != nil {
					t.Fatal(worked, err)
				}
			}
			w.Bank("bank").Behave("p-1", world.Accept(10*time.Second, true))
			if r := asksOf("p-1", "r-1", "60.00"); foreign {
				w.Put("bank", r.RefundID, taskOf(t, r).Payload())
			} else if _, err := first.Enqueue(r); err != nil {
				t.Fatal(err)
			}
			work()
			if _, err := first.Enqueue(asksOf("p-2", "r-2", "60.00")); err != nil {
				t.Fatal(err)
			}
			w.Advance(time.Minute)
			work() // r-2, and r-1 gets in line
			if err := second.Tick(); err != nil {
				t.Fatal(err)
			}
			if state := w.Records()["r-1"].State; state != refund.Succeeded {
				t.Errorf("it is %s", state)
			}
			if foreign {
				if w.Redis.Exists("asynq:{bank}:pending") || w.Redis.Exists("asynq:{bank}:t:r-1") {
					t.Error("a foreign producer's task is left in line")
				}
				return
			}
			if line, err := w.Redis.List("asynq:{bank}:pending"); err != nil || !slices.Equal(line, []string{"r-1"}) {
				t.Errorf("in line is %v, %v", line, err)
			}
			calls := len(w.Bank("bank").Calls())
			work()
			if state := w.Redis.HGet("asynq:{bank}:t:r-1", "state"); state != "completed" || len(w.Bank("bank").Calls()) != calls {
				t.Errorf("the task is %q, and the bank got %v", state, w.Bank("bank").Calls())
			}
		})
	}
}

// A look that was put off by an older reading may come too early. It takes no other
// refund's place in the sweeps until then, and the one that is due is not missed.
func TestALookThatComesTooEarlyComesAgainInTime(t *testing.T) {
	for _, test := range []struct {
		poll     string
		within   time.Duration
		mostLoad int
		asked    bool
	}{
		{"5m", 10 * time.Second, 1, false},
		{"6s", 10 * time.Second, 2, true}, // looked after three seconds late
	} {
		c := world.Company{Name: "bank", RefundStatus: true, Settings: []string{"reconcile: {first: 30s, settle: 1m}", "poll: {initial: " + test.poll + ", max: 5m}"}}
		world.Run(t, world.Options{Companies: []world.Company{c}}, func(w *world.World) {
			p := w.Start("a")
			r := asksOf(inBucket(7, 0), "r-1", "60.00")
			w.Bank("bank").Behave(r.PaymentID, world.Accept(time.Hour, true))
			if _, err := p.Enqueue(r); err != nil {
				t.Fatal(err)
			}
			if worked, err := p.Work(); !worked || err != nil {
				t.Fatal(worked, err)
			}
			if _, err := w.Redis.ZAdd("refunds:{007}:due", float64(time.Now().UnixMilli()), r.RefundID); err != nil {
				t.Fatal(err)
			}
			before := len(w.Steps())
			for began := time.Now(); time.Since(began) < test.within; w.Advance(time.Second) {
				if err := p.Tick(); err != nil {
					t.Fatal(err)
				}
			}
			loads, asked := 0, false
			for _, step := range w.Steps()[before:] {
				if strings.HasSuffix(step.Label, " load.lua") {
					loads++
				}
				asked = asked || strings.HasPrefix(step.Label, "call ")
			}
			if loads > test.mostLoad || asked != test.asked {
				t.Errorf("due in %s: in %s it was looked at %d times, and the bank asked %t", test.poll, test.within, loads, asked)
			}
		})
	}
}

// A worker whose clock is far ahead seems to be heard of in the future, which says
// nothing of whether it lives.
func TestALeaseFromTheFutureKeepsNoRefundWaiting(t *testing.T) {
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
		first, second := w.Start("first"), w.Start("second")
		if _, err := first.Enqueue(asks("r-1", "60.00")); err != nil {
			t.Fatal(err)
		}
		first.FaultOn("begin.lua", world.DieBefore)
		if _, err := first.Work(); !errors.Is(err, world.ErrDied) {
			t.Fatal(err)
		}
		if _, err := w.Redis.ZAdd("asynq:{bank}:lease", float64(time.Now().Add(time.Hour).Unix()), "r-1"); err != nil {
			t.Fatal(err)
		}
		died := time.Now()
		for w.Records()["r-1"].State != refund.Succeeded && time.Since(died) < 15*time.Second {
			w.Advance(time.Second)
			if err := second.Tick(); err != nil {
				t.Fatal(err)
			}
		}
		if state := w.Records()["r-1"].State; state != refund.Succeeded {
			t.Errorf("it is %s %s after its worker died", state, time.Since(died))
		}
	})
}

// The line may be longer than the journal's memory, or asynq may bring a task back
// whose end it did not hear of. Its refund was taken in and settled, and is no new one.
func TestATaskThatOutlivesItsRefundPaysNothing(t *testing.T) {
	o := world.Options{Settings: []string{"dedupe_window: 30m", "journal_retention: 1h"}, Companies: []world.Company{named("bank", world.Company{})}}
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
			t.Fatal(err)
		}
		p.FaultOn("asynq completed", world.DieBefore)
		if _, err := p.Work(); !errors.Is(err, world.ErrDied) {
			t.Fatal(err)
		}
		if state := w.Records()["r-1"].State; state != refund.Succeeded {
			t.Fatal(state)
		}
		w.Advance(61 * time.Minute)
		p = w.Start("b")
		if err := p.Tick(); err != nil {
			t.Fatal(err)
		}
		if len(w.Records()) != 0 {
			t.Fatal("it is not forgotten")
		}
		if worked, err := p.Work(); !worked || err != nil {
			t.Fatal(worked, err)
		}
		if state := w.Redis.HGet("asynq:{bank}:t:r-1", "state"); state != "archived" || len(w.Records()) != 0 {
			t.Errorf("its task is %q, and the journal has %v", state, w.Records())
		}
		if calls := w.Bank("bank").Calls(); len(calls) != 1 {
			t.Errorf("calls: %v", calls)
		}
	})
}

// A record that is gone before its time was lost, and the task brings it back.
func TestATaskWhoseRefundWasLostMakesItAnew(t *testing.T) {
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
		p := w.Start("a")
		if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
			t.Fatal(err)
		}
		for _, key := range w.Redis.Keys() {
			if strings.HasPrefix(key, "refunds:") {
				w.Redis.Del(key)
			}
		}
		w.Advance(time.Hour)
		if worked, err := p.Work(); !worked || err != nil {
			t.Fatal(worked, err)
		}
		if rec := w.Records()["r-1"]; rec == nil || rec.State != refund.Succeeded {
			t.Errorf("the journal has %v", w.Records())
		}
	})
}

// A dead worker's refund is taken up within 15 s, also where a sweep has put it off
// before, behind all that wait with it in its bucket.
func TestALongLineHidesNoDeadWorkersRefund(t *testing.T) {
	for _, putOff := range []bool{false, true} {
		world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{})}}, func(w *world.World) {
			first, second := w.Start("first"), w.Start("second")
			sweep := func() {
				t.Helper()
				if err := second.Tick(); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 40 {
				r := asks(fmt.Sprintf("r-%d", i), "1.00")
				r.PaymentID = inBucket(7, i)
				if _, err := first.Enqueue(r); err != nil {
					t.Fatal(err)
				}
			}
			w.Advance(time.Minute)
			if putOff {
				sweep()
			}
			first.FaultOn("begin.lua", world.DieBefore)
			if _, err := first.Work(); !errors.Is(err, world.ErrDied) {
				t.Fatal(err)
			}
			died := time.Now()
			for w.Records()["r-0"].State != refund.Succeeded && time.Since(died) < 15*time.Second {
				w.Advance(time.Second)
				sweep()
			}
			if state := w.Records()["r-0"].State; state != refund.Succeeded {
				t.Errorf("put off %t: it is %s %s after the death", putOff, state, time.Since(died))
			}
		})
	}
}

// inBucket is the i-th payment of the bank that lies in a bucket.
func inBucket(bucket uint32, i int) string {
	for n := 0; ; n++ {
		payment := fmt.Sprintf("p-%d", n)
		if crc32.ChecksumIEEE([]byte("bank:"+payment))%journal.Buckets == bucket {
			if i--; i < 0 {
				return payment
			}
		}
	}
}
