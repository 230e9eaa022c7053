package tasks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/world"
)

const patience = 1500 * time.Millisecond

// slowed is a worker whose sweeps end after their patience, in a world with a
// provider that takes 14 s to answer what became of many accepted refunds.
func slowed(t *testing.T, accepted int, f func(w *world.World, p *world.Process)) {
	slow := named("slow", world.Company{RefundStatus: true})
	world.Run(t, world.Options{Companies: []world.Company{named("bank", world.Company{RefundStatus: true}), slow}}, func(w *world.World) {
		p := w.Start("a")
		for i := range accepted {
			r := asksOf(fmt.Sprintf("p-%d", i), fmt.Sprintf("slow-%d", i), "1.00")
			r.Provider = "slow"
			w.Bank("slow").Behave(r.PaymentID, world.Accept(9*time.Hour, true))
			if _, err := p.Enqueue(r); err != nil {
				t.Fatal(err)
			}
		}
		works(t, p)
		w.Bank("slow").Latency = 14 * time.Second
		p.Sweeper.Patience = patience
		f(w, p)
	})
}

func works(t *testing.T, p *world.Process) {
	t.Helper()
	for worked, err := p.Work(); worked || err != nil; worked, err = p.Work() {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ticks sweeps once and returns how long it took.
func ticks(t *testing.T, p *world.Process) time.Duration {
	t.Helper()
	began := time.Now()
	if err := p.Tick(); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// lookups counts how often a provider was asked what became of a refund.
func lookups(w *world.World, provider string) (n int) {
	for _, s := range w.Steps() {
		if strings.HasPrefix(s.Label, "call "+provider+" refund status") {
			n++
		}
	}
	return n
}

// overdue counts the refunds that a sweep would look at now.
func overdue(t *testing.T, w *world.World) int {
	t.Helper()
	list, err := w.Journal.Overdue(context.Background(), time.Now().Add(-3*time.Second), 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestASlowProviderKeepsNoOthersWaitingInASweep(t *testing.T) {
	slowed(t, 40, func(w *world.World, p *world.Process) {
		for i := range 6 {
			r := asksOf(fmt.Sprintf("p-%d", i), fmt.Sprintf("bank-%d", i), "1.00")
			w.Bank("bank").Behave(r.PaymentID, world.Accept(time.Second, true))
			if _, err := p.Enqueue(r); err != nil {
				t.Fatal(err)
			}
		}
		works(t, p)
		w.Advance(30 * time.Second)
		if took := ticks(t, p); took != patience {
			t.Errorf("the sweep took %s", took)
		}
		if n := lookups(w, "bank"); n != 6 {
			t.Errorf("the other provider was asked %d times", n)
		}
		if n := lookups(w, "slow"); n != 4 {
			t.Errorf("the slow one was asked %d times", n)
		}
		if n := overdue(t, w); n != 4 {
			t.Errorf("%d are overdue: all but the 4 under way are to be put off", n)
		}
		p.Sweeper.Wait()
	})
}

func TestWhatASweepLeavesRunningEndsBesideTheNextOnes(t *testing.T) {
	slowed(t, 40, func(w *world.World, p *world.Process) {
		w.Advance(30 * time.Second)
		began := time.Now()
		ticks(t, p)
		time.Sleep(9 * time.Second)
		if n := overdue(t, w); n != 4 {
			t.Errorf("%d are overdue before 8s and the slack are over", n)
		}
		time.Sleep(time.Second) // what was put off is overdue again, and the 4 still under way
		if took := ticks(t, p); took > 100*time.Millisecond {
			t.Errorf("with all hands at work a sweep took %s", took)
		}
		if n := lookups(w, "slow"); n != 4 {
			t.Errorf("asked %d times with 4 hands at work", n)
		}
		if n := overdue(t, w); n != 4 {
			t.Errorf("%d are overdue: all but the 4 under way are to be put off", n)
		}
		p.Sweeper.Wait()
		if took := time.Since(began); took < 14*time.Second || took > 15*time.Second {
			t.Errorf("what was under way ended after %s", took)
		}
		for more := 8; more <= 12; more += 4 { // hands are free again, however often
			time.Sleep(12 * time.Second)
			ticks(t, p)
			if n := lookups(w, "slow"); n != more {
				t.Errorf("asked %d times, want %d: hands are not given back", n, more)
			}
			p.Sweeper.Wait()
		}
	})
}

// slowWrites is a Redis that takes a while for a look that is put off.
type slowWrites struct{}

func (slowWrites) DialHook(next redis.DialHook) redis.DialHook { return next }

func (slowWrites) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "zadd" {
			time.Sleep(10 * time.Millisecond)
		}
		return next(ctx, cmd)
	}
}

func (slowWrites) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "zadd" {
			time.Sleep(10 * time.Millisecond)
		}
		return next(ctx, cmds)
	}
}

func TestPuttingManyOffTakesOneRoundTrip(t *testing.T) {
	slowed(t, 200, func(w *world.World, p *world.Process) {
		p.Backend.Redis.(*redis.Client).AddHook(slowWrites{})
		w.Advance(30 * time.Second)
		ticks(t, p) // all hands are at work
		time.Sleep(11 * time.Second)
		if took := ticks(t, p); took > 100*time.Millisecond {
			t.Errorf("the sweep took %s", took)
		}
		if n := overdue(t, w); n != 4 {
			t.Errorf("%d are overdue: all but the 4 under way are to be put off", n)
		}
		p.Sweeper.Wait()
	})
}
