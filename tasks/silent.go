package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/refund"
)

// When a worker is taken for dead, and how the sweeper looks for what it left.
const (
	silence     = 8 * time.Second // after the last that was heard of it; asynq lets a worker be heard every 5 s
	listenEvery = 3 * time.Second
	listenTo    = 2500 // of each queue, tasks of silent workers; one may have twice concurrency
)

// leaseKey holds until when asynq's workers have the tasks of a queue that they run
// (v0.26, LeaseKey in internal/base/base.go).
func leaseKey(queue string) string { return "asynq:{" + queue + "}:lease" }

// asynqLease is for how long asynq's worker has a task each time that it is heard of
// (v0.26, LeaseDuration in internal/rdb/rdb.go).
const asynqLease = 30 * time.Second

// heard is when the worker that runs a task was last heard of, by that worker's clock
// and to the second; zero if nobody has the task. The Inspector does not tell, so this
// reads asynq's leases.
func (q taskQueue) heard(ctx context.Context, info *asynq.TaskInfo) (time.Time, error) {
	ends, err := q.redis.ZScore(ctx, leaseKey(info.Queue), info.ID).Result()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look who runs task %s: %w", info.ID, err)
	}
	return time.Unix(int64(ends), 0).Add(-asynqLease), nil
}

// silent finds tasks of those queues whose workers were not heard of since then, in one
// round trip.
func (q taskQueue) silent(ctx context.Context, since time.Time, queues []string) (ids []string, err error) {
	pipe := q.redis.Pipeline()
	until := strconv.FormatInt(since.Add(asynqLease).Unix(), 10)
	found := make([]*redis.StringSliceCmd, len(queues))
	for i, queue := range queues {
		found[i] = pipe.ZRangeByScore(ctx, leaseKey(queue), &redis.ZRangeBy{Min: "-inf", Max: until, Count: listenTo})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("look for tasks whose worker is silent: %w", err)
	}
	for _, tasks := range found {
		ids = append(ids, tasks.Val()...)
	}
	return ids, nil
}

// alive reports whether a refund's task that ran a moment ago needs nobody else: its
// worker was heard of, or it has ended since.
func (s *Sweeper) alive(ctx context.Context, rec *journal.Record, info *asynq.TaskInfo) (bool, error) {
	heard, err := s.backend.queue.heard(ctx, info)
	if err != nil {
		return false, err
	}
	if heard.IsZero() {
		now, err := s.backend.queue.where(rec)
		if err != nil || now == nil || now.State != asynq.TaskStateActive {
			return true, err
		}
	}
	if heard.IsZero() || heard.After(rec.Now.Add(silence)) {
		heard = rec.Due // there is no lease, or none that can be believed
	}
	return rec.Now.Sub(heard) < silence, nil
}

// abandoned finds queued refunds whose worker died with the task before it began
// anything. In a long line their turn in the index of what is overdue would not come
// for as long as the line is, so they are found by the leases of their tasks.
func (s *Sweeper) abandoned(ctx context.Context, now time.Time) []journal.Overdue {
	if lately(s.listened, now, listenEvery) {
		return nil
	}
	s.listened = now
	var queues []string
	for name := range s.processor.accounts {
		queues = append(queues, Queues(name)...)
	}
	ids, err := s.backend.queue.silent(ctx, now.Add(-silence), queues)
	var found []journal.Overdue
	if err == nil && len(ids) > 0 {
		found, err = s.backend.Journal.Named(ctx, ids...)
	}
	if err != nil && ctx.Err() == nil {
		s.processor.Log.Warn("refunds of silent workers were not found; they are looked for again", zap.Error(err))
	}
	recs, err := s.backend.Journal.ReadOverdue(ctx, found...)
	if err != nil {
		return found // one that can't be read must not hide the others
	}
	due := map[string]bool{}
	for _, rec := range recs {
		due[rec.ID] = rec.State == refund.Queued && stillDue(rec)
	}
	return slices.DeleteFunc(found, func(o journal.Overdue) bool { return !due[o.ID] })
}
