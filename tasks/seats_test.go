package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"refundworker/internal/world"
	"refundworker/refund"
	"refundworker/tasks"
)

// seated has tasks r-0, r-1, … of a payment each handled at the same moment, in seats.
func seated(t *testing.T, seats *tasks.Seats, n int, change func(*world.World, *world.Process), check func(*world.World)) {
	o := company(world.Company{})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		w.Bank("bank").Latency = time.Second
		change(w, p)
		var all sync.WaitGroup
		for i := range n {
			r := asksOf("p-"+strconv.Itoa(i), "r-"+strconv.Itoa(i), "1.00")
			if _, err := p.Enqueue(r); err != nil {
				w.T.Fatal(err)
			}
			r.Version = tasks.PayloadVersion
			payload, err := json.Marshal(r)
			if err != nil {
				w.T.Fatal(err)
			}
			all.Go(func() {
				if err := p.Do(func(ctx context.Context) error {
					ctx, leave := seats.Enter(ctx)
					defer leave()
					return p.Processor.Handle(ctx, asynq.NewTask(tasks.Type, payload))
				}); err != nil {
					w.T.Error(err)
				}
			})
		}
		all.Wait()
		for id, rec := range w.Records() {
			if rec.State != refund.Succeeded || rec.Attempts != 1 {
				w.T.Errorf("%s is %s after %d attempts", id, rec.State, rec.Attempts)
			}
		}
		check(w)
	})
}

func TestAProviderIsCalledForAsManyRefundsAsThereAreSeats(t *testing.T) {
	seated(t, tasks.NewSeats(2), 6, func(*world.World, *world.Process) {}, func(w *world.World) {
		calls := w.Bank("bank").Calls()
		slices.SortFunc(calls, func(a, b world.Call) int { return a.At.Compare(b.At) })
		if len(calls) != 6 {
			w.T.Fatalf("%d calls", len(calls))
		}
		for i := range calls[2:] {
			if apart := calls[i+2].At.Sub(calls[i].At); apart < time.Second {
				w.T.Errorf("call %d came %s after that two before it, which takes a second", i+2, apart)
			}
		}
	})
}

// pairs holds each one up that was answered until the next one was.
type pairs struct {
	heard
	mu    sync.Mutex
	other chan struct{}
}

func (p *pairs) Attempted(string, string) {
	p.mu.Lock()
	mine := p.other
	if mine != nil {
		close(mine)
		p.other = nil
		p.mu.Unlock()
		return
	}
	mine = make(chan struct{})
	p.other = mine
	p.mu.Unlock()
	<-mine
}

func TestARefundThatIsWrittenDownKeepsNobodyFromItsSeat(t *testing.T) {
	seated(t, tasks.NewSeats(1), 2, func(_ *world.World, p *world.Process) { p.Processor.Observer = &pairs{} }, func(w *world.World) {
		if n := len(w.Bank("bank").Calls()); n != 2 {
			w.T.Errorf("%d calls", n)
		}
	})
}

func TestFewMoreTasksAreTakenThanThereAreSeats(t *testing.T) {
	for calls, want := range map[int]int{1: 1, 3: 3, 4: 5, 32: 40} {
		s := tasks.NewSeats(calls)
		n := 0
		for s.Free() && s.Expect() {
			n++
		}
		if n != want || s.Expect() {
			t.Errorf("%d tasks are expected for %d seats, want %d", n, calls, want)
		}
		if s.Miss(); len(s.Freed()) != 1 || !s.Expect() || s.Free() {
			t.Errorf("%d seats: where one did not come there is room for another", calls)
		}
	}
}

func TestATaskMakesRoomWhenItIsAnsweredAndOnce(t *testing.T) {
	s := tasks.NewSeats(1)
	if !s.Expect() {
		t.Fatal("no room")
	}
	ctx, leave := s.Enter(t.Context())
	for range 2 { // the second time it has its seat
		if err := tasks.TakeSeat(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	if s.Expect() {
		t.Error("there is room beside it")
	}
	tasks.LeaveSeat(ctx)
	if len(s.Freed()) != 1 || !s.Expect() {
		t.Error("there is no room when it is answered")
	}
	leave() // the end of the task, which has left already
	if s.Free() {
		t.Error("it made room twice")
	}
}

func TestATaskThatIsAnsweredAndGoesOnTakesASeatAgain(t *testing.T) {
	s := tasks.NewSeats(1)
	ctx, leave := s.Enter(t.Context())
	for range 2 {
		if err := tasks.TakeSeat(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if s.Free() {
			t.Error("there is room beside it")
		}
		tasks.LeaveSeat(ctx)
	}
	leave()
	if !s.Free() {
		t.Error("there is no room when it has ended")
	}
}

func TestATaskGivesUpWaitingForItsSeat(t *testing.T) {
	for name, give := range map[string]func(cancel func(), stop chan struct{}) (ends func(error) bool){
		"when it is cancelled": func(cancel func(), _ chan struct{}) func(error) bool {
			cancel()
			return func(err error) bool { return errors.Is(err, context.Canceled) }
		},
		"when the worker stops": func(_ func(), stop chan struct{}) func(error) bool {
			close(stop)
			return func(err error) bool { return tasks.AsLater(err) != nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, stop := tasks.NewSeats(1), make(chan struct{})
				first, leaveFirst := s.Enter(t.Context())
				if err := tasks.TakeSeat(first, stop); err != nil {
					t.Fatal(err)
				}
				cancelled, cancel := context.WithCancel(t.Context())
				second, leaveSecond := s.Enter(cancelled)
				ended := make(chan error, 1)
				go func() { ended <- tasks.TakeSeat(second, stop) }()
				synctest.Wait()
				if len(ended) > 0 {
					t.Fatal("two have the only seat")
				}
				ends := give(cancel, stop)
				synctest.Wait()
				if len(ended) == 0 {
					t.Fatal("it still waits")
				}
				if err := <-ended; !ends(err) {
					t.Error(err)
				}
				leaveSecond()
				if s.Free() {
					t.Error("there is room beside the first")
				}
				if leaveFirst(); !s.Free() {
					t.Error("there is no room when both are gone")
				}
			})
		})
	}
}

// asynq ends a task that is past its own deadline without asking anybody.
func TestATaskThatNeverComesIsNotExpectedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tasks.NewSeats(1)
		if !s.Expect() {
			t.Fatal("no room")
		}
		time.Sleep(time.Second)
		if s.Free() {
			t.Error("it is not expected any more after a second")
		}
		if time.Sleep(time.Millisecond); !s.Expect() {
			t.Error("it is still expected after more than a second")
		}
	})
}
