package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/refund"
)

// Server is one provider's queue server of a running worker, by its heartbeat.
type Server struct {
	Host        string
	PID         int
	Provider    string
	Status      string // active, stopped, closed
	Started     time.Time
	Concurrency int
	Active      int // tasks that it works on
}

// Servers lists the servers whose heartbeat is fresh.
func (b *Backend) Servers() ([]Server, error) {
	infos, err := b.queue.inspector.Servers()
	if err != nil {
		return nil, fmt.Errorf("list the running workers: %w", err)
	}
	var list []Server
	for _, s := range infos {
		seen := map[string]bool{}
		for queue := range s.Queues {
			if name := queueProvider(queue); !seen[name] {
				seen[name] = true
				list = append(list, Server{s.Host, s.PID, name, s.Status, s.Started, s.Concurrency, len(s.ActiveWorkers)})
			}
		}
	}
	return list, nil
}

// Sweeper names the process that sweeps now; empty: none does.
func (b *Backend) Sweeper(ctx context.Context) (string, error) {
	name, err := b.Redis.Get(ctx, sweepKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("look for the sweeper: %w", err)
	}
	return name, nil
}

// HasTask reports whether the queue has a task that will run the refund.
func (b *Backend) HasTask(rec *journal.Record) (bool, error) {
	info, err := b.queue.where(rec)
	if err != nil || info == nil {
		return false, err
	}
	return info.State != asynq.TaskStateArchived && info.State != asynq.TaskStateCompleted, nil
}

// ArchivedOf is what some of a queue's archived tasks are.
type ArchivedOf struct {
	Seen       int
	InReview   int      // as it should be
	Open       []string // refunds that are open and not in review: the sweeper puts their tasks back
	Settled    []string // refunds that are final: the task is left over
	Unreadable []string // tasks without a refund, or that another version wrote
}

// Archived looks at most into so many archived tasks of a queue. A queue that
// nobody has used has none.
func (b *Backend) Archived(ctx context.Context, queue string, most int) (ArchivedOf, error) {
	var a ArchivedOf
	infos, err := b.queue.inspector.ListArchivedTasks(queue, asynq.PageSize(most))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("list the archived tasks of %s: %w", queue, err)
	}
	for _, info := range infos {
		a.Seen++
		if _, err := Decode(info.Payload); err != nil {
			a.Unreadable = append(a.Unreadable, info.ID)
			continue
		}
		rec, err := b.Journal.Get(ctx, info.ID)
		var refused *journal.RefusedError
		switch {
		case errors.Is(err, journal.ErrNotFound), errors.As(err, &refused):
			a.Unreadable = append(a.Unreadable, info.ID)
		case err != nil:
			return a, err
		case rec.State == refund.Review:
			a.InReview++
		case rec.State.Terminal():
			a.Settled = append(a.Settled, info.ID)
		default:
			a.Open = append(a.Open, info.ID)
		}
	}
	return a, nil
}
