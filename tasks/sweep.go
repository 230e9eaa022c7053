package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"refundworker/journal"
	"refundworker/refund"
)

// Bounds of a sweep, so that its cost does not grow with what waits.
const (
	sweepWorking = 16 // of each bucket, refunds that somebody worked on
	sweepQueued  = 1  // of each bucket, refunds that wait in the queue
	sweepAtOnce  = 8
	sweepEach    = 4                // of each provider, refunds under way at once
	sweepSlack   = 3 * time.Second  // a refund is the queue's own business until then
	backlogLook  = 30 * time.Second // how often a refund is looked after that nobody here can help
	queuedLook   = 8 * time.Second  // how often a task is that waits: a worker may take it and die
	sweepLease   = 4 * time.Second  // of the right to sweep, in which nobody does if its holder died
	pruneEvery   = time.Minute
	prunePerKind = 100
	sweepRelay   = sweepLease * 7 / 8 // in which events are relayed
)

const sweepKey = "refunds:sweeper"

// Sweeper is the spare clockwork: it takes up refunds whose worker died or
// whose task is gone, relays events that were left behind, and forgets what is
// past its retention. One sweeper at a time works, over all processes.
type Sweeper struct {
	backend   *Backend
	processor *Processor
	name      string
	pruned    time.Time
	listened  time.Time
	crew      crew

	// Patience bounds how long a sweep waits for what it has begun; the rest goes
	// on beside the next sweeps. 0: until all of it has ended.
	Patience time.Duration
}

// NewSweeper returns a sweeper; name tells it from those of other processes.
func NewSweeper(b *Backend, p *Processor, name string) *Sweeper {
	return &Sweeper{backend: b, processor: p, name: name}
}

// holdLua takes or keeps the right to sweep. KEYS[1] the key; ARGV: name, lease in ms.
var holdLua = redis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

// Tick sweeps once, if it is this process's turn.
func (s *Sweeper) Tick(ctx context.Context) error {
	held, err := s.hold(ctx)
	if err != nil || !held {
		return err
	}
	// Refunds come first: a backlog of events must not keep them waiting.
	err = s.takeUp(ctx)
	return errors.Join(err, s.relay(ctx))
}

// relay tells what was left untold, as much as one lease has room for: another
// process that began before it ended would tell the same again.
func (s *Sweeper) relay(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepRelay)
	defer cancel()
	held, err := s.hold(ctx) // anew: refunds may have taken up most of the lease
	if err != nil || !held {
		return err
	}
	_, err = s.backend.Journal.RelayAll(ctx)
	return err
}

// hold takes or keeps the right to sweep, for one lease from now.
func (s *Sweeper) hold(ctx context.Context) (bool, error) {
	held, err := holdLua.Run(ctx, s.backend.Redis, []string{sweepKey}, s.name, sweepLease.Milliseconds()).Int()
	return held == 1, err
}

// takeUp looks after what is overdue, and forgets what is past its retention.
func (s *Sweeper) takeUp(ctx context.Context) error {
	now, err := s.backend.Journal.Now(ctx)
	if err != nil {
		return err
	}
	overdue, err := s.backend.Journal.Overdue(ctx, now.Add(-sweepSlack), sweepWorking, sweepQueued)
	if err != nil {
		return err
	}
	overdue = append(overdue, s.abandoned(ctx, now)...)
	s.tendAll(ctx, now, s.skim(ctx, now, overdue))
	if lately(s.pruned, now, pruneEvery) {
		return nil
	}
	s.pruned = now
	_, err = s.backend.Journal.Prune(ctx, prunePerKind)
	return err
}

// lately reports whether something was done less than that long ago, by Redis's clock,
// which may have been set back since.
func lately(done, now time.Time, within time.Duration) bool {
	since := now.Sub(done)
	return since >= 0 && since < within
}

// skim puts off the queued refunds whose task waits for its turn, which is all
// that a backlog is, and returns the others. It costs three round trips, however
// many they are.
func (s *Sweeper) skim(ctx context.Context, now time.Time, overdue []journal.Overdue) []journal.Overdue {
	first := slices.IndexFunc(overdue, func(o journal.Overdue) bool { return o.Queued })
	if first < 0 {
		return overdue
	}
	queued := overdue[first:] // those that somebody worked on come before them
	recs, err := s.backend.Journal.ReadOverdue(ctx, queued...)
	if err == nil {
		recs = slices.DeleteFunc(recs, func(rec *journal.Record) bool {
			_, ours := s.processor.accounts[rec.Provider]
			return !ours || rec.State != refund.Queued
		})
	}
	var waits map[string]bool
	if err == nil && len(recs) > 0 {
		waits, err = s.backend.queue.waiting(ctx, recs)
	}
	if err != nil {
		// One by one they are looked after all the same.
		s.processor.Log.Warn("waiting refunds could not be looked at together", zap.Error(err))
		return overdue
	}
	var fine []look
	rest := slices.DeleteFunc(queued, func(o journal.Overdue) bool {
		if waits[o.ID] {
			fine = append(fine, look{Overdue: o})
		}
		return waits[o.ID]
	})
	s.putOff(ctx, now.Add(queuedLook), fine...)
	return overdue[:first+len(rest)]
}

// tendAll looks after what is overdue. Attempts whose worker is gone come first:
// they ask no provider, so nothing holds them up.
func (s *Sweeper) tendAll(ctx context.Context, now time.Time, found []journal.Overdue) {
	var mu sync.Mutex
	var rest []look
	var group errgroup.Group
	group.SetLimit(sweepAtOnce)
	for _, o := range found {
		group.Go(func() error {
			l := look{Overdue: o, now: now}
			s.guarded(ctx, l, func() (err error) {
				if l.rec, err = s.backend.Journal.LoadOverdue(ctx, o); err != nil {
					return err
				}
				if !stillDue(l.rec) {
					// If a look was put off by an older reading, the index says too early.
					return s.backend.Journal.LookLater(ctx, l.rec, min(max(l.rec.Due.Sub(l.rec.Now), time.Second), queuedLook))
				}
				if l.rec.State == refund.Sending {
					return s.tend(ctx, l.rec)
				}
				mu.Lock()
				rest = append(rest, l)
				mu.Unlock()
				return nil
			})
			return nil
		})
	}
	_ = group.Wait()
	late := s.crew.work(ctx, rest, s.Patience, func(l look) {
		s.guarded(ctx, l, func() error { return s.tend(ctx, l.rec) })
	})
	s.putOff(ctx, now.Add(queuedLook), late...)
}

// stillDue reports whether a refund that was found to be overdue still is: the first
// ones of a backlog are about to be worked on.
func stillDue(rec *journal.Record) bool { return !rec.Due.IsZero() && !rec.Due.After(rec.Now) }

// look is one overdue refund of a sweep.
type look struct {
	journal.Overdue
	now time.Time       // Redis's clock when it was found
	rec *journal.Record // nil until it is read
}

// guarded looks after one refund. A panic over it must not end the process, and
// after it the next one that sweeps, and a failure must not keep those behind it
// waiting.
func (s *Sweeper) guarded(ctx context.Context, l look, do func() error) {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return do()
	}()
	if err == nil || AsLater(err) != nil || errors.Is(err, journal.ErrNotFound) || ctx.Err() != nil {
		return
	}
	s.processor.Log.Warn("refund not taken up; it is looked after again later", zap.String("refund_id", l.ID), zap.Error(err))
	s.putOff(ctx, l.now.Add(backlogLook), l)
}

func (s *Sweeper) putOff(ctx context.Context, until time.Time, looks ...look) {
	if len(looks) == 0 {
		return
	}
	list := make([]journal.Overdue, len(looks))
	for i, l := range looks {
		list[i] = l.Overdue
	}
	if err := s.backend.Journal.PutOff(ctx, until, list...); err != nil && ctx.Err() == nil {
		s.processor.Log.Warn("refunds not put off", zap.Int("refunds", len(list)), zap.String("refund_id", list[0].ID), zap.Error(err))
	}
}

// Wait waits for what sweeps have left running. It is called when their context
// has ended, which ends them.
func (s *Sweeper) Wait() { s.crew.running.Wait() }

// Release gives the right to sweep up, so that another process goes on at once.
func (s *Sweeper) Release(ctx context.Context) error {
	held, err := s.backend.Redis.Get(ctx, sweepKey).Result()
	if err != nil || held != s.name {
		return nil
	}
	return s.backend.Redis.Del(ctx, sweepKey).Err()
}

// tend looks after one refund whose time has come without anything happening.
func (s *Sweeper) tend(ctx context.Context, rec *journal.Record) error {
	if _, ok := s.processor.accounts[rec.Provider]; !ok {
		s.processor.Log.Warn("an open refund's provider is not configured: was it renamed? Configure it under the name that the refund has", about(rec)...)
		return s.backend.Journal.LookLater(ctx, rec, backlogLook)
	}
	info, err := s.backend.queue.where(rec)
	if err != nil {
		return err
	}
	ended := info == nil || info.State == asynq.TaskStateArchived || info.State == asynq.TaskStateCompleted
	if ended {
		// The task may have ended after the refund was read: read it again.
		fresh, err := s.backend.Journal.Load(ctx, rec.Provider, rec.PaymentID, rec.ID)
		if err != nil || fresh.Version != rec.Version {
			return err
		}
	}
	switch {
	case ended:
		// Deleted by hand, lost, or ended too early: put it back.
		if err := s.restore(ctx, rec); err != nil {
			return err
		}
		if err := s.backend.Journal.LookLater(ctx, rec, backlogLook); err != nil || rec.State == refund.Queued {
			return err
		}
	case info.State == asynq.TaskStatePending, info.State == asynq.TaskStateRetry && info.NextProcessAt.Before(rec.Now.Add(sweepLease)),
		info.State == asynq.TaskStateScheduled && info.NextProcessAt.Before(rec.Now.Add(sweepLease)):
		if rec.State == refund.Queued {
			return s.backend.Journal.LookLater(ctx, rec, queuedLook)
		}
	case info.State == asynq.TaskStateRetry || info.State == asynq.TaskStateScheduled:
		if rec.State == refund.Queued {
			// It waits for the provider's limit or pause, which is no reason to hurry.
			return s.backend.Journal.LookLater(ctx, rec, queuedLook)
		}
	case info.State == asynq.TaskStateActive && rec.State != refund.Sending:
		alive, err := s.alive(ctx, rec, info)
		switch {
		case err != nil:
			return err
		case alive && rec.State == refund.Queued && rec.Now.Sub(rec.Due) >= silence:
			return s.backend.Journal.LookLater(ctx, rec, queuedLook) // it has a lease, and is found by that
		case alive:
			return nil // it stays where it is: the next sweep looks again
		}
	}
	return s.run(ctx, rec)
}

func (s *Sweeper) restore(ctx context.Context, rec *journal.Record) error {
	payload, err := payloadOf(rec)
	if err != nil {
		return err
	}
	s.processor.Log.Info("task put back", about(rec)...)
	return s.backend.queue.rouse(ctx, rec, payload, TaskTimeout(s.processor.accounts[rec.Provider].Provider))
}

// run makes the refund's next steps here instead of waiting for the queue to
// notice that its worker died.
func (s *Sweeper) run(ctx context.Context, rec *journal.Record) error {
	account := s.processor.accounts[rec.Provider]
	ctx, cancel := context.WithTimeout(ctx, TaskTimeout(account.Provider))
	defer cancel()
	ctx, span := s.processor.resume(asSpare(ctx), "sweep", trace.SpanKindInternal, rec)
	done, err := s.processor.Run(ctx, rec)
	end(span, done, err)
	if later := AsLater(err); later != nil {
		// The refund's own record says when it is due; look no earlier.
		return s.backend.Journal.LookLater(ctx, done, max(later.After, time.Second))
	}
	if err != nil {
		return fmt.Errorf("refund %s: %w", rec.ID, err)
	}
	if done.State == refund.Review {
		return nil
	}
	return s.backend.queue.retire(done)
}
