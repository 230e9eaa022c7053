package wake

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// knownFor is how long a look at a set of waiting tasks is trusted: what a
	// process that says nothing puts there is found after that time at the latest.
	knownFor = 5 * time.Second
	// renewAfter is the age at which what is known of an empty set is looked after.
	renewAfter = knownFor / 2
	// none is the time of the earliest task of an empty set.
	none = math.MaxInt64
)

// delayed is what is known of the tasks that wait in a provider's queues for
// their time.
type delayed struct {
	mu   sync.Mutex
	sets []*set
	told chan struct{} // an earlier time was heard of
	stop <-chan struct{}
}

// set is one sorted set of asynq's. Its times are whole seconds.
type set struct {
	key     string
	next    int64     // Unix time of the earliest task, as far as known
	seen    time.Time // when that was looked up
	looking bool
	noted   int64 // the earliest that was heard of since the look that is under way began
	loud    bool  // the last poll found something
}

func newDelayed(names []string, stop <-chan struct{}) *delayed {
	d := &delayed{told: make(chan struct{}, 1), stop: stop}
	for _, name := range names {
		d.sets = append(d.sets, &set{key: scheduledKey(name), next: none}, &set{key: retryKey(name), next: none})
	}
	return d
}

// forward answers asynq's request to move what is due. It waits where nothing
// is, and then moves nothing: asynq's own idea of the time is from before the
// wait, and it comes back with a new one.
func (d *delayed) forward(ctx context.Context, s *set, look func() (*redis.Cmd, int64)) *redis.Cmd {
	if !d.begin(s) {
		d.wait(ctx)
		return answer(ctx, int64(0), nil)
	}
	began := time.Now()
	cmd, next := look()
	err := cmd.Err()
	d.end(s, began, next, err == nil)
	if err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT") {
		pause(d.stop, troubleWait)
	}
	return cmd
}

// begin reports whether a set is to be looked at, by the caller.
func (d *delayed) begin(s *set) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.looking || closed(d.stop) || s.wakes().After(time.Now()) {
		return false
	}
	s.looking, s.noted = true, none
	return true
}

func (d *delayed) end(s *set, began time.Time, next int64, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.looking = false
	if known {
		s.next, s.seen = min(next, s.noted), began
	}
}

// note hears of a task that waits, after it was put into the set.
func (d *delayed) note(s *set, at int64) {
	d.mu.Lock()
	s.noted = min(s.noted, at)
	earlier := at < s.next
	s.next = min(s.next, at)
	d.mu.Unlock()
	if earlier {
		d.tell()
	}
}

func (d *delayed) tell() {
	select {
	case d.told <- struct{}{}:
	default:
	}
}

// wait returns when a set has to be looked at, or after a while.
func (d *delayed) wait(ctx context.Context) {
	bound := time.Now().Add(idleWait)
	for {
		left := time.Until(d.earliest(bound))
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-d.told:
		case <-d.stop:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

func (d *delayed) earliest(bound time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sets {
		if at := s.wakes(); !s.looking && at.Before(bound) {
			bound = at
		}
	}
	return bound
}

// wakes is when a set has to be looked at.
func (s *set) wakes() time.Time {
	stale := s.seen.Add(knownFor)
	if s.next == none {
		return stale
	}
	if due := time.Unix(s.next, 0); due.Before(stale) {
		return due
	}
	return stale
}
