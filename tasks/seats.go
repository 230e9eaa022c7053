package tasks

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// arrival is how long a task that was taken off its queue is expected here. asynq ends
// some without their handler: those past a deadline of their own.
const arrival = time.Second

// Seats bound the calls of one worker to a provider. A task has a seat from before its
// first step until its attempt is answered. Writing the answer down and ending the
// task wait for Redis, and perhaps for its disk; meanwhile the seat is the next task's.
// So that a seat waits for no task either, a few more are taken off the queues than
// there are seats: only a few, as another worker could have them.
type Seats struct {
	calls *semaphore.Weighted
	most  int // tasks here and coming
	freed chan struct{}

	mu     sync.Mutex
	here   int         // tasks that have seats or are about to take them
	coming []time.Time // since when each one is expected, oldest first
}

// NewSeats returns seats for so many calls at once.
func NewSeats(calls int) *Seats {
	return &Seats{calls: semaphore.NewWeighted(int64(calls)), most: calls + calls/4, freed: make(chan struct{}, 1)}
}

// Free reports whether there is room for one more task.
func (s *Seats) Free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free()
}

func (s *Seats) free() bool {
	for len(s.coming) > 0 && time.Since(s.coming[0]) > arrival {
		s.coming = s.coming[1:]
	}
	return s.here+len(s.coming) < s.most
}

// Expect reports whether a task may be looked for. It is then expected until it is
// here, or until Miss.
func (s *Seats) Expect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free() {
		return false
	}
	s.coming = append(s.coming, time.Now())
	return true
}

// Miss says that there was no task.
func (s *Seats) Miss() {
	s.mu.Lock()
	s.arrived()
	s.mu.Unlock()
	s.tell()
}

// Freed tells one of those who wait that there may be room again.
func (s *Seats) Freed() <-chan struct{} { return s.freed }

// Enter begins a task: in its context it takes its seat before it calls the provider.
// leave ends it.
func (s *Seats) Enter(ctx context.Context) (in context.Context, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived()
	s.here++
	one := &seat{of: s, here: true}
	return context.WithValue(ctx, seatKey{}, one), one.leave
}

func (s *Seats) arrived() {
	if len(s.coming) > 0 {
		s.coming = s.coming[1:]
	}
}

func (s *Seats) tell() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// seat is a task's, and used by its handler only.
type seat struct {
	of         *Seats
	here, held bool
}

type seatKey struct{}

// seatOf is the seat of the task in ctx; nil where nobody bounds the calls.
func seatOf(ctx context.Context) *seat {
	one, _ := ctx.Value(seatKey{}).(*seat)
	return one
}

// take waits for the seat, unless the task has it, until ctx ends or stop is closed.
func (o *seat) take(ctx context.Context, stop <-chan struct{}) error {
	if o == nil || o.held {
		return nil
	}
	if !o.here {
		o.count(1)
	}
	if !o.of.calls.TryAcquire(1) {
		wait, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel()
			select {
			case <-stop:
			case <-wait.Done():
			}
		}()
		if err := o.of.calls.Acquire(wait, 1); err != nil {
			if ctx.Err() == nil {
				return stopping()
			}
			return ctx.Err()
		}
	}
	o.held = true
	return nil
}

// leave gives the seat to the next task.
func (o *seat) leave() {
	if o == nil {
		return
	}
	if o.held {
		o.held = false
		o.of.calls.Release(1)
	}
	if o.here {
		o.count(-1)
		o.of.tell()
	}
}

func (o *seat) count(n int) {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	o.of.here += n
	o.here = n > 0
}
