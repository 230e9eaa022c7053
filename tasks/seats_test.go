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
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// taskOf is a refund's task as it is on its queue.
func taskOf(t testing.TB, r refund.Request) *asynq.Task {
	t.Helper()
	r.Version = tasks.PayloadVersion
	payload, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return asynq.NewTask(tasks.Type, payload)
}

// sit takes a seat for another task.
func sit(t testing.TB, seats *tasks.Seats) (leave func()) {
	t.Helper()
	ctx, leave := seats.Enter(context.Background(), "other")
	if err := tasks.TakeSeat(ctx, nil); err != nil {
		t.Fatal(err)
	}
	return leave
}

// seated has tasks r-0, r-1, … of a payment each handled at the same moment, in seats.
func seated(t *testing.T, seats *tasks.Seats, n int, change func(*world.World, *world.Process), check func(*world.World)) {
	o := unasked(company(world.Company{}))
	world.Run(t, o, func(w *world.World) {
		p := w.Start("a")
		w.Bank("bank").Latency = 500 * time.Millisecond
		change(w, p)
		var all sync.WaitGroup
		for i := range n {
			r := asksOf("p-"+strconv.Itoa(i), "r-"+strconv.Itoa(i), "1.00")
			if _, err := p.Enqueue(r); err != nil {
				w.T.Fatal(err)
			}
			task := taskOf(w.T, r)
			all.Go(func() {
				if err := p.Do(func(ctx context.Context) error {
					ctx, leave := seats.Enter(ctx, r.RefundID)
					defer leave()
					return p.Processor.Handle(ctx, task)
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
			if apart := calls[i+2].At.Sub(calls[i].At); apart < 500*time.Millisecond {
				w.T.Errorf("call %d came %s after that two before it, which takes half a second", i+2, apart)
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

func (p *pairs) Settled(*journal.Record) {}

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
			t.Errorf("%d seats: where none was found there is room for another", calls)
		}
		s.Found("r-1")
		if s.Gone("r-2"); s.Free() {
			t.Errorf("%d seats: another one's end made room", calls)
		}
		if s.Gone("r-1"); !s.Expect() || s.Free() {
			t.Errorf("%d seats: where one ended before it came there is room for another", calls)
		}
		s.Found("r-3")
		_, leave := s.Enter(t.Context(), "r-3")
		if s.Gone("r-3"); s.Free() {
			t.Errorf("%d seats: one that is here was counted out before it left", calls)
		}
		if leave(); !s.Free() {
			t.Errorf("%d seats: there is no room when one has left", calls)
		}
	}
}

func TestATaskMakesRoomWhenItIsAnsweredAndOnce(t *testing.T) {
	s := tasks.NewSeats(1)
	if !s.Expect() {
		t.Fatal("no room")
	}
	s.Found("r-1")
	ctx, leave := s.Enter(t.Context(), "r-1")
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
	ctx, leave := s.Enter(t.Context(), "r-1")
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
				first, leaveFirst := s.Enter(t.Context(), "r-1")
				if err := tasks.TakeSeat(first, stop); err != nil {
					t.Fatal(err)
				}
				cancelled, cancel := context.WithCancel(t.Context())
				second, leaveSecond := s.Enter(cancelled, "r-2")
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

// asynq could not read its message.
func TestATaskThatNeverComesIsNotExpectedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tasks.NewSeats(1)
		if !s.Expect() {
			t.Fatal("no room")
		}
		s.Found("r-1")
		time.Sleep(time.Minute)
		if s.Free() {
			t.Error("it is not expected any more after a minute")
		}
		if time.Sleep(time.Millisecond); !s.Expect() {
			t.Error("it is still expected after more than a minute")
		}
	})
}

func TestNoTasksAreFetchedAheadForASlowProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tasks.NewSeats(4)
		for i, held := range []time.Duration{time.Second, time.Second + time.Millisecond, time.Second} {
			leaves := make([]func(), 4)
			for n := range leaves {
				ctx, leave := s.Enter(t.Context(), strconv.Itoa(n))
				if err := tasks.TakeSeat(ctx, nil); err != nil {
					t.Fatal(err)
				}
				leaves[n] = leave
			}
			if ahead := s.Free(); ahead != (i < 2) {
				t.Errorf("another one is fetched ahead: %t, after seats that were taken for %s", ahead, held)
			}
			time.Sleep(held)
			for _, leave := range leaves {
				leave()
			}
		}
		if n := len(s.Freed()); n != 1 || !s.Free() {
			t.Error("there is no room where nobody is")
		}
	})
}

// The sweeper would take it for one whose worker has died.
func TestATaskGoesBackToItsQueueWhereNoSeatIsLeftSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tasks.NewSeats(4)
		for n := range 4 {
			ctx, leave := s.Enter(t.Context(), strconv.Itoa(n))
			defer leave()
			if err := tasks.TakeSeat(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		ctx, leave := s.Enter(t.Context(), "r-1")
		began := time.Now()
		err := tasks.TakeSeat(ctx, make(chan struct{}))
		if later := tasks.AsLater(err); later == nil || later.After > time.Millisecond || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := tasks.TakeSeat(ctx, make(chan struct{})); tasks.AsLater(err) == nil || time.Since(began) != 2*time.Second {
			t.Errorf("the second time %v after %s", err, time.Since(began))
		}
		leave()
		if s.Free() {
			t.Error("the next one is fetched ahead")
		}
	})
}

// What only the queue knows is lost where the queue gives it up, as it does after its
// last try.
func TestATaskWithoutASeatIsInTheJournalAllTheSame(t *testing.T) {
	for name, end := range map[string]func(cancel func(), stop chan struct{}){
		"its time is over":       func(cancel func(), _ chan struct{}) { cancel() },
		"the worker stops":       func(_ func(), stop chan struct{}) { close(stop) },
		"no seat is left for it": func(func(), chan struct{}) {},
	} {
		t.Run(name, func(t *testing.T) {
			o := unasked(company(world.Company{}))
			world.Run(t, o, func(w *world.World) {
				p, seats := w.Start("a"), tasks.NewSeats(1)
				stop := make(chan struct{})
				p.Processor.Draining = stop
				defer sit(w.T, seats)()
				r := asks("r-1", "1.00")
				task := taskOf(w.T, r)
				err := p.Do(func(ctx context.Context) error {
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					ctx, leave := seats.Enter(ctx, "r-1")
					defer leave()
					time.AfterFunc(time.Second, func() { end(cancel, stop) })
					return p.Processor.Handle(ctx, task)
				})
				if rec := w.Records()["r-1"]; err == nil || rec == nil || rec.State != refund.Queued || len(w.Bank("bank").Calls()) > 0 {
					w.T.Errorf("%v, the journal has %v; %d calls", err, rec, len(w.Bank("bank").Calls()))
				}
			})
		})
	}
}

// A refund that goes on after its attempt calls the provider again.
func TestNoStepIsMadeWithoutASeat(t *testing.T) {
	o := company(world.Company{})
	world.Run(t, o, func(w *world.World) {
		p, seats := w.Start("a"), tasks.NewSeats(1)
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		defer sit(w.T, seats)()
		err := p.Do(func(ctx context.Context) error {
			ctx, leave := seats.Enter(ctx, "r-1")
			defer leave()
			_, err := p.Processor.Run(ctx, w.Records()["r-1"])
			return err
		})
		if tasks.AsLater(err) == nil || len(w.Bank("bank").Calls()) > 0 {
			w.T.Errorf("%v; %d calls", err, len(w.Bank("bank").Calls()))
		}
	})
}

// Until the board has heard of it, all that follow would go the same way.
func TestAnAttemptThatIsNotAnsweredKeepsItsSeatUntilThatIsKnown(t *testing.T) {
	o := unasked(company(world.Company{}))
	world.Run(t, o, func(w *world.World) {
		p, seats := w.Start("a"), tasks.NewSeats(1)
		told := &watching{seats: seats}
		p.Processor.Observer = told
		for i, says := range []world.Behaviour{world.Succeed(), world.Refuse()} {
			id := "r-" + strconv.Itoa(i)
			r := asksOf("p-"+id, id, "1.00")
			w.Bank("bank").Behave(r.PaymentID, says)
			if _, err := p.Enqueue(r); err != nil {
				w.T.Fatal(err)
			}
			task := taskOf(w.T, r)
			_ = p.Do(func(ctx context.Context) error {
				ctx, leave := seats.Enter(ctx, id)
				defer leave()
				return p.Processor.Handle(ctx, task)
			})
		}
		if !slices.Equal(told.free, []bool{true, false}) {
			w.T.Errorf("the seat is free right after an answer: %v, want after the good one only", told.free)
		}
	})
}

// watching notes after each attempt whether there is room for another.
type watching struct {
	heard
	seats *tasks.Seats
	free  []bool
}

func (o *watching) Attempted(string, string) { o.free = append(o.free, o.seats.Free()) }

// What was found out while it waited stops it like any other.
func TestATaskThatWaitedForItsSeatBeginsNothingOnceTheWorkerHolds(t *testing.T) {
	o := unasked(company(world.Company{}))
	world.Run(t, o, func(w *world.World) {
		p, seats := w.Start("a"), tasks.NewSeats(1)
		r := asks("r-1", "1.00")
		if _, err := p.Enqueue(r); err != nil {
			w.T.Fatal(err)
		}
		leaveOther, task := sit(w.T, seats), taskOf(w.T, r)
		err := p.Do(func(ctx context.Context) error {
			ctx, leave := seats.Enter(ctx, "r-1")
			defer leave()
			time.AfterFunc(500*time.Millisecond, func() { p.Processor.Hold(errors.New("no append-only file")) })
			time.AfterFunc(time.Second, leaveOther)
			return p.Processor.Handle(ctx, task)
		})
		if tasks.AsLater(err) == nil || len(w.Bank("bank").Calls()) > 0 {
			w.T.Errorf("%v; %d calls", err, len(w.Bank("bank").Calls()))
		}
	})
}
