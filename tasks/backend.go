package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/redisconn"
)

// durableWait bounds how long one write waits to be durable.
const durableWait = 2 * time.Second

// Backend is the connection to Redis that everything else stands on: the
// journal and the queues.
type Backend struct {
	Redis   redis.UniversalClient // the journal's
	Queues  redis.UniversalClient // asynq's own connections
	Journal *journal.Journal
	Report  redisconn.Report // what was verified of the server
	queue   taskQueue
}

// Open connects to Redis and verifies that it keeps what the configuration
// says. The caller closes the backend.
func Open(ctx context.Context, cfg *config.Config) (*Backend, error) {
	rdb, err := redisconn.Open(cfg.Redis)
	if err != nil {
		return nil, err
	}
	report, err := redisconn.Check(ctx, rdb, redisconn.Requirements{
		Durability: string(cfg.Durability), AllowEviction: cfg.AllowEviction, StatedFsync: cfg.StatedFsync})
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	queues, err := redisconn.Open(cfg.Redis)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	queues.AddHook(settleHook{})
	waiter := redisconn.NewWaiter(rdb, string(cfg.Durability), report.HasWaitAOF, durableWait)
	return &Backend{
		Redis: rdb, Queues: queues, Report: report,
		Journal: journal.New(rdb, waiter, journal.Options{Window: cfg.DedupeWindow, Retention: cfg.JournalRetention}),
		queue:   taskQueue{asynq.NewClientFromRedisClient(queues), asynq.NewInspectorFromRedisClient(queues)},
	}, nil
}

// Close ends the connections.
func (b *Backend) Close() error {
	if err := errors.Join(b.Queues.Close(), b.Redis.Close()); err != nil {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}
