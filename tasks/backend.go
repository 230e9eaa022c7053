package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"refundworker/admission"
	"refundworker/config"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/wake"
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
	Tracer  trace.Tracer     // makes the spans of what is enqueued; nil: none. Set it before NewEnqueuer
	queue   taskQueue
	needs   redisconn.Requirements
}

// Open connects to Redis and verifies that it keeps what the configuration
// says. The caller closes the backend.
func Open(ctx context.Context, cfg *config.Config) (*Backend, error) {
	needs := requirements(cfg)
	rdb, err := redisconn.OpenGuarded(cfg.Redis, needs)
	if err != nil {
		return nil, err
	}
	queues, err := redisconn.Open(cfg.Redis)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	b := NewBackend(rdb, queues, cfg, redisconn.Report{}) // before the first call: see redisconn.Together
	if b.Report, err = redisconn.Check(ctx, rdb, needs); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.needs = needs // with what it has seen by now
	return b, nil
}

// NewBackend makes a backend of open clients, which it closes with itself; Open
// is what verifies a server.
func NewBackend(rdb, queues redis.UniversalClient, cfg *config.Config, report redisconn.Report) *Backend {
	queues.AddHook(settleHook{})
	queues.AddHook(recordHook{})
	redisconn.Together(queues, wake.Exec)
	redisconn.Together(rdb, redisconn.Exec) // what is not the journal's: pauses and limits
	waiter := redisconn.NewWaiter(rdb, string(cfg.Durability), durableWait)
	return &Backend{
		Redis: rdb, Queues: queues, Report: report, needs: requirements(cfg),
		Journal: journal.New(rdb, waiter, journal.Options{Window: cfg.DedupeWindow, Retention: cfg.JournalRetention, Lineage: cfg.Durability == config.AOF, Gate: admission.GateLua()}),
		queue:   taskQueue{queues, asynq.NewClientFromRedisClient(wake.Announcing(queues)), asynq.NewInspectorFromRedisClient(wake.Announcing(queues))},
	}
}

// Close ends the connections.
func (b *Backend) Close() error {
	if err := errors.Join(b.Queues.Close(), b.Redis.Close()); err != nil {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}

// Check verifies again that Redis keeps what the configuration says, and admits a
// primary that took over.
func (b *Backend) Check(ctx context.Context) error {
	_, err := redisconn.Check(ctx, b.Redis, b.needs)
	return err
}

func requirements(cfg *config.Config) redisconn.Requirements {
	var lineage journal.Lineage
	return redisconn.Requirements{Durability: string(cfg.Durability), AllowEviction: cfg.AllowEviction, StatedFsync: cfg.StatedFsync,
		Admit: func(ctx context.Context, c redis.Cmdable, p redisconn.Primary) error {
			return lineage.Admit(ctx, c, p.String(), p.MayLack)
		}}
}

// Unreachable reports whether err says that Redis could not be reached or is not
// ready yet, as opposed to what it answered.
func Unreachable(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, redisconn.ErrLoading) || redis.HasErrorPrefix(err, "LOADING") || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, redis.ErrPoolTimeout)
}

// QueueSizes counts the tasks of a queue by their state there, and says how
// long the oldest pending one has waited.
func (b *Backend) QueueSizes(queue string) (map[string]int, time.Duration, error) {
	info, err := b.queue.inspector.GetQueueInfo(queue)
	if err != nil {
		return nil, 0, err
	}
	return map[string]int{"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled,
		"retry": info.Retry, "archived": info.Archived, "completed": info.Completed}, info.Latency, nil
}
