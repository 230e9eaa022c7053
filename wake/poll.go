package wake

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	// pollEvery is how often all idle queues are looked into, for tasks that
	// nobody told of.
	pollEvery = 100 * time.Millisecond
	// pollKey is added for each key that has to be asked for by itself, as all in
	// a cluster have to: no more than 400 of them a second.
	pollKey = 2500 * time.Microsecond
	// lookTime bounds one look, so that a server that does not answer keeps the
	// others of a cluster from being looked into for no longer.
	lookTime = time.Second
)

// polled is something that a poll asks for: whether a key is there. Redis keeps
// no empty list and no empty set.
type polled struct {
	key  string
	loud *bool // it was there the last time, so ask for it by itself
	tell func(there bool)
}

func (b *Bell) poll(ctx context.Context) {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wait, err := b.look(ctx)
		if err != nil && ctx.Err() == nil {
			b.log.Debug("idle queues not looked into; the next look goes on", zap.Error(err))
		}
		timer.Reset(wait)
	}
}

// look asks for everything of which nothing is known to be there, in one
// command, and returns when to do so again. Only where that one counts
// something each key is asked for by itself, and what was there stays so until it
// is gone: a queue that is paused in asynqmon does not make all others noisy.
func (b *Bell) look(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var quiet, loud []polled
	for _, p := range b.unknown(time.Now()) {
		if b.cluster || *p.loud {
			loud = append(loud, p)
		} else {
			quiet = append(quiet, p)
		}
	}
	wait := pollEvery
	if b.cluster {
		wait = max(wait, time.Duration(len(loud))*pollKey)
	}
	if len(quiet) > 0 {
		n, err := b.count(ctx, quiet)
		if err != nil {
			return wait, err
		}
		if n > 0 {
			loud = append(loud, quiet...)
		} else {
			tell(quiet, make([]bool, len(quiet)))
		}
	}
	return wait, b.each(ctx, loud)
}

func tell(all []polled, there []bool) {
	for i, p := range all {
		*p.loud = there[i]
		p.tell(there[i])
	}
}

// count says how many of the keys are there.
func (b *Bell) count(ctx context.Context, all []polled) (int64, error) {
	keys := make([]string, len(all))
	for i, p := range all {
		keys[i] = p.key
	}
	n, err := b.rdb.Exists(ctx, keys...).Result()
	if err != nil {
		return 0, fmt.Errorf("look for tasks: %w", err)
	}
	return n, nil
}

// each asks for the keys one by one, each server for its own: what one does not
// answer is not known, and no other answer waits for it.
func (b *Bell) each(ctx context.Context, all []polled) error {
	servers := map[*redis.Client][]polled{}
	for _, p := range all {
		var server *redis.Client
		if c, ok := b.rdb.(*redis.ClusterClient); ok {
			server, _ = c.MasterForKey(ctx, p.key) // nil: not known either
		}
		servers[server] = append(servers[server], p)
	}
	var group errgroup.Group
	for _, some := range servers {
		group.Go(func() error { return b.ask(ctx, some) })
	}
	return group.Wait()
}

// ask asks for keys of one server, and tells.
func (b *Bell) ask(ctx context.Context, some []polled) error {
	pipe := b.rdb.Pipeline()
	answers := make([]*redis.IntCmd, len(some))
	for i, p := range some {
		answers[i] = pipe.Exists(ctx, p.key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("look for tasks: %w", err)
	}
	there := make([]bool, len(some))
	for i, a := range answers {
		there[i] = a.Val() > 0
	}
	tell(some, there)
	return nil
}

// unknown is what is believed to be empty and may not be any more.
func (b *Bell) unknown(now time.Time) []polled {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []polled
	for name, c := range b.clients {
		if q := c.queue(pendingKey(name)); q != nil {
			if _, dry := q.state(); dry {
				all = append(all, polled{q.key, &q.loud, func(there bool) {
					if there {
						c.pending.ring(q)
					}
				}})
			}
		}
		for _, key := range []string{scheduledKey(name), retryKey(name)} {
			if s := c.set(key); c.delayed.renewable(s, now) {
				all = append(all, polled{s.key, &s.loud, func(there bool) { c.delayed.renew(s, now, there) }})
			}
		}
	}
	return all
}

// renewable reports whether a set was found empty long enough ago.
func (d *delayed) renewable(s *set, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.next == none && !s.looking && !s.seen.IsZero() && now.Sub(s.seen) >= renewAfter
}

// renew takes the answer for a set that was asked for at a time.
func (d *delayed) renew(s *set, asked time.Time, there bool) {
	d.mu.Lock()
	if !there && asked.After(s.seen) {
		s.seen = asked
	} else if there && s.next == none {
		s.seen = time.Time{} // somebody put a task there without a word
	}
	d.mu.Unlock()
	if there {
		d.tell()
	}
}
