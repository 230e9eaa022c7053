package tasks

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// seatPatience is how long a task waits here for its seat. It is well below the
	// time after which the sweeper takes up what a dead worker has left.
	seatPatience = 2 * time.Second
	// quickSeat is how long a seat may be taken if tasks are fetched for the next one
	// ahead: those of a slow provider wait in the queue, for any worker.
	quickSeat = time.Second
	// comingAtMost is when a task is given up that was fetched, and of which nothing
	// was heard since: asynq could not read it.
	comingAtMost = time.Minute
)

// Seats bound the calls of one worker's queue to a provider. A task has a seat from
// before its first step until its attempt is answered as it should be. Writing that
// down and ending the task wait for Redis, and perhaps for its disk; meanwhile the
// seat is the next task's. So that a seat waits for no task either, a few more are
// fetched than there are seats.
type Seats struct {
	calls *semaphore.Weighted
	most  int // calls at once
	freed chan struct{}

	mu      sync.Mutex
	here    int                  // tasks that have seats or are about to take them
	looking int                  // looks for a task that are under way
	coming  map[string]time.Time // tasks that were found, by id, since then
	slow    bool                 // seats are taken for long
}

// NewSeats returns seats for so many calls at once.
func NewSeats(calls int) *Seats {
	return &Seats{calls: semaphore.NewWeighted(int64(calls)), most: calls, freed: make(chan struct{}, 1), coming: map[string]time.Time{}}
}

// Free reports whether there is room for one more task.
func (s *Seats) Free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free()
}

func (s *Seats) free() bool {
	most := s.most
	if !s.slow {
		most += s.most / 4
	}
	if s.here+s.looking+len(s.coming) < most {
		return true
	}
	for id, since := range s.coming {
		if time.Since(since) > comingAtMost {
			delete(s.coming, id)
		}
	}
	return s.here+s.looking+len(s.coming) < most
}

// Expect reports whether a task may be looked for. Found or Miss ends the look.
func (s *Seats) Expect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free() {
		return false
	}
	s.looking++
	return true
}

// Found says which task a look has found. It is expected until its handler runs, or
// until it is Gone.
func (s *Seats) Found(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking--
	s.coming[id] = time.Now()
}

// Miss says that a look has found none.
func (s *Seats) Miss() {
	s.mu.Lock()
	s.looking--
	s.mu.Unlock()
	s.tell()
}

// Gone says that a task has ended, perhaps without its handler: asynq asks none about
// a task that is past a deadline of its own.
func (s *Seats) Gone(id string) {
	s.mu.Lock()
	_, expected := s.coming[id]
	delete(s.coming, id)
	s.mu.Unlock()
	if expected {
		s.tell()
	}
}

// Freed tells one of those who wait that there may be room again.
func (s *Seats) Freed() <-chan struct{} { return s.freed }

// Enter is the beginning of a task's handler: in its context the task takes its seat
// before it calls the provider. leave is the end.
func (s *Seats) Enter(ctx context.Context, id string) (in context.Context, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.coming, id)
	s.here++
	one := &seat{of: s, here: true}
	return context.WithValue(ctx, seatKey{}, one), one.leave
}

func (s *Seats) tell() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// seat is a task's, and used by its handler only.
type seat struct {
	of    *Seats
	here  bool      // counted
	held  bool      // and has its seat
	since time.Time // held
	until time.Time // its patience ends; zero: it does not wait
}

type seatKey struct{}

// seatOf is the seat of the task in ctx; nil where nobody bounds the calls.
func seatOf(ctx context.Context) *seat {
	one, _ := ctx.Value(seatKey{}).(*seat)
	return one
}

// take waits for the seat, unless the task has it: until ctx ends, whose error it then
// returns, until stop is closed, or for some time; then the error is a *Later, and the
// next time it does not wait again.
func (o *seat) take(ctx context.Context, stop <-chan struct{}) error {
	if o == nil || o.held {
		return nil
	}
	if !o.here {
		o.of.mu.Lock()
		o.of.here++
		o.of.mu.Unlock()
		o.here = true
	}
	if !o.of.calls.TryAcquire(1) {
		if err := o.wait(ctx, stop); err != nil {
			return err
		}
	}
	o.held, o.since, o.until = true, time.Now(), time.Time{}
	return nil
}

func (o *seat) wait(ctx context.Context, stop <-chan struct{}) error {
	if o.until.IsZero() {
		o.until = time.Now().Add(seatPatience)
	}
	bounded, cancel := context.WithDeadline(ctx, o.until)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-bounded.Done():
		}
	}()
	err := o.of.calls.Acquire(bounded, 1)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(bounded.Err(), context.Canceled):
		return stopping()
	}
	o.of.mu.Lock()
	o.of.slow = true
	o.of.mu.Unlock()
	return &Later{After: time.Millisecond, Why: "this worker makes as many calls to the provider as it may"}
}

// leave gives the seat to the next task.
func (o *seat) leave() {
	if o == nil || !o.here {
		return
	}
	if o.held {
		o.of.calls.Release(1)
	}
	o.of.mu.Lock()
	o.of.here--
	if o.held {
		o.of.slow = time.Since(o.since) > quickSeat
	}
	o.of.mu.Unlock()
	o.here, o.held = false, false
	o.of.tell()
}
