package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/world"
	"refundworker/journal"
)

// slowDisk takes half a second for each script over the stream, as appendfsync
// everysec does on average.
type slowDisk struct{}

func (slowDisk) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (slowDisk) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (slowDisk) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if overStream(cmds) {
			time.Sleep(500 * time.Millisecond)
		}
		return next(ctx, cmds)
	}
}

func overStream(cmds []redis.Cmder) bool {
	args := cmds[0].Args()
	return strings.HasPrefix(cmds[0].Name(), "eval") && len(args) > 3 && args[3] == "refunds:events"
}

// Events that piled up while Redis could not keep them are told by and by: no
// sweep outlasts its lease, so no other process tells the same ones again.
func TestABacklogOfEventsIsToldOnceAndWithinTheLeases(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		fillOutboxes(t, w)
		var sweeping sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			p := w.Start(name)
			p.Backend.Redis.(*redis.Client).AddHook(slowDisk{})
			sweeping.Go(func() {
				for range 30 {
					began := time.Now()
					if err := p.Tick(); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took > 4*time.Second {
						t.Errorf("a sweep took %s, and its lease is 4s", took)
					}
					time.Sleep(time.Second)
				}
			})
		}
		sweeping.Wait()
		checkToldOnce(t, w)
	})
}

// Looking after refunds may take most of a lease: what is told then is told under
// a new one.
func TestABacklogIsToldOnceAlsoWhereRefundsTookTheTime(t *testing.T) {
	slowed(t, 8, func(w *world.World, p *world.Process) {
		other := w.Start("b")
		w.Advance(30 * time.Second)
		fillOutboxes(t, w)
		p.Sweeper.Patience = 3500 * time.Millisecond
		other.Sweeper.Patience = 100 * time.Millisecond
		for _, p := range []*world.Process{p, other} {
			p.Backend.Redis.(*redis.Client).AddHook(slowDisk{})
		}
		var first sync.WaitGroup
		first.Go(func() {
			if err := p.Tick(); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(4100 * time.Millisecond) // the first lease is over
		for range 30 {
			ticks(t, other)
			time.Sleep(time.Second)
		}
		first.Wait()
		p.Sweeper.Wait()
		other.Sweeper.Wait()
		checkToldOnce(t, w)
	})
}

// fullDisk fails the scripts over the stream, after so many.
type fullDisk struct{ after *int }

var errFull = errors.New("disk full")

func (fullDisk) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (fullDisk) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (d fullDisk) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if overStream(cmds) {
			if *d.after--; *d.after < 0 {
				cmds[0].SetErr(errFull)
				return errFull
			}
		}
		return next(ctx, cmds)
	}
}

func TestAFailureHasNothingToldAgainThatWasTold(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		fillOutboxes(t, w)
		p, after := w.Start("a"), 2
		p.Backend.Redis.(*redis.Client).AddHook(fullDisk{&after})
		if moved, err := p.Backend.Journal.RelayAll(context.Background()); moved != 1000 || !errors.Is(err, errFull) {
			t.Errorf("%d events, %v", moved, err)
		}
		if stream, err := w.Redis.Stream("refunds:events"); len(stream) != 1000 || err != nil {
			t.Errorf("%d events were told, %v", len(stream), err)
		}
		after = 1000
		for moved := -1; moved != 0; {
			var err error
			if moved, err = p.Backend.Journal.RelayAll(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		checkToldOnce(t, w)
	})
}

func TestOneCallRelaysABoundedPartOfABacklog(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		fillOutboxes(t, w)
		for _, want := range []int{4980, 2700, 0} {
			if moved, err := w.Journal.RelayAll(context.Background()); moved != want || err != nil {
				t.Errorf("%d events, want %d, %v", moved, want, err)
			}
		}
		checkToldOnce(t, w)
	})
}

// Who is frozen between a step and its event does not tell again what a sweep has told:
// it may have been erased meanwhile.
func TestAnEventThatWasToldLongAgoIsNotToldFromMemory(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		p := w.Start("a")
		var settled *journal.Record
		p.Processor.Relay = func(rec *journal.Record) { settled = rec }
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			t.Fatal(err)
		}
		if err := p.Deliver("r-1"); err != nil || settled == nil {
			t.Fatal(settled, err)
		}
		if moved, err := w.Journal.RelayAll(context.Background()); moved != 1 || err != nil {
			t.Fatalf("a sweep tells %d events, %v", moved, err)
		}
		time.Sleep(5 * time.Second)
		if err := w.Journal.Relay(context.Background(), settled); err != nil {
			t.Fatal(err)
		}
		if stream, err := w.Redis.Stream("refunds:events"); len(stream) != 1 || err != nil {
			t.Errorf("%d events were told, %v", len(stream), err)
		}
	})
}

const outboxes, inEach = 256, 30

func fillOutboxes(t *testing.T, w *world.World) {
	t.Helper()
	for bucket := range outboxes {
		for i := range inEach {
			event := fmt.Sprintf(`{"refund_id":"r-%d","seq":"%d","at":"1","currency":"RUB"}`, bucket, i+1)
			if _, err := w.Redis.Push(fmt.Sprintf("refunds:{%03d}:out", bucket), event); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// checkToldOnce holds the stream against fillOutboxes: each event once, those of
// a refund in order.
func checkToldOnce(t *testing.T, w *world.World) {
	t.Helper()
	stream, err := w.Redis.Stream("refunds:events")
	if err != nil || len(stream) != outboxes*inEach {
		t.Errorf("%d events were told of %d, %v", len(stream), outboxes*inEach, err)
	}
	told := map[string]int{}
	for _, e := range stream {
		id, seq := e.Values[1], e.Values[3]
		if told[id]++; seq != fmt.Sprint(told[id]) {
			t.Fatalf("event %s of %s comes as number %d", seq, id, told[id])
		}
	}
}
