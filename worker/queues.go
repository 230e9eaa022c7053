package worker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"refundworker/tasks"
	"refundworker/wake"
)

// What asynq does by itself. It waits in its calls of Redis (see package wake),
// so these are only the rests between two calls.
const (
	idleRest    = 2 * time.Millisecond  // after a look that found nothing
	delayedRest = 20 * time.Millisecond // after moving what was due
	tidyEvery   = 30 * time.Second      // what finished long ago is deleted
)

// One server takes one task after the other off its queues, each after the
// answer to the one before, which Redis may keep back until it is on the disk. What
// several ask at the same moment travels together, and so does what their tasks write
// from then on.
const (
	oneServer  = 8  // attempts at once: below that one server is enough
	perServer  = 2  // from there on
	maxServers = 16 // of one provider

	// allServers bounds those of all providers that have several: each costs heartbeats
	// and goroutines.
	allServers = 1024
)

// queues are the asynq servers of all providers.
type queues struct {
	worker  *Worker
	running *running
	bell    *wake.Bell
	servers []*asynq.Server
	cancels sync.Map // task id: context.CancelFunc
}

func newQueues(w *Worker, r *running) *queues {
	q := &queues{worker: w, running: r}
	q.bell = wake.New(r.backend.Queues, wake.Options{Log: w.log.Named("queue"), Cancel: q.cancel})
	return q
}

// start starts the servers of each provider apart from the others', so that a
// slow provider never takes the places of another.
func (q *queues) start() error {
	several := 0 // providers that have several servers
	for _, a := range q.worker.accounts {
		if a.Concurrency >= oneServer {
			several++
		}
	}
	for _, a := range q.worker.accounts {
		names := tasks.Queues(a.Name)
		seats := tasks.NewSeats(a.Concurrency)
		client := q.bell.Client(seats, names...)
		for _, concurrency := range shares(a.Concurrency, several) {
			server := asynq.NewServerFromRedisClient(client, asynq.Config{
				Concurrency:              concurrency + concurrency, // as many are being written down
				Queues:                   map[string]int{names[0]: 2, names[1]: 1},
				StrictPriority:           true,
				BaseContext:              roomy,
				RetryDelayFunc:           q.running.processor.RetryDelay,
				IsFailure:                tasks.IsFailure,
				ShutdownTimeout:          q.worker.cfg.ShutdownTimeout,
				TaskCheckInterval:        idleRest,
				DelayedTaskCheckInterval: delayedRest,
				JanitorInterval:          tidyEvery,
				Logger:                   queueLog{q.worker.log.Named("queue").With(zap.String("provider", a.Name)).Sugar()},
				LogLevel:                 asynq.WarnLevel,
			})
			mux := asynq.NewServeMux()
			mux.HandleFunc(tasks.Type, q.handle(seats))
			if err := server.Start(mux); err != nil {
				return fmt.Errorf("start the queue of %s: %w", a.Name, err)
			}
			q.servers = append(q.servers, server)
		}
	}
	return nil
}

// shares divides a provider's concurrency among its servers, where so many providers
// have several.
func shares(concurrency, several int) []int {
	servers := 1
	if concurrency >= oneServer {
		servers = min(concurrency/perServer, maxServers, max(allServers/several, 1))
	}
	all := make([]int, servers)
	for i := range all {
		all[i] = (concurrency + i) / len(all)
	}
	return all
}

// stop ends the servers. All stop fetching before any waits for its tasks.
func (q *queues) stop() {
	q.bell.Stop()
	for _, end := range []func(*asynq.Server){(*asynq.Server).Stop, (*asynq.Server).Shutdown} {
		var all sync.WaitGroup
		for _, s := range q.servers {
			all.Go(func() { end(s) })
		}
		all.Wait()
	}
}

// handle runs tasks in seats. Each can be cancelled meanwhile.
func (q *queues) handle(seats *tasks.Seats) func(context.Context, *asynq.Task) error {
	return func(ctx context.Context, t *asynq.Task) error {
		makeRoom(0)
		id, ok := asynq.GetTaskID(ctx)
		ctx, leave := seats.Enter(ctx, id)
		defer leave()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if ok {
			q.cancels.Store(id, cancel)
			defer q.cancels.Delete(id)
		}
		return q.running.processor.Handle(ctx, t)
	}
}

// cancel cancels a task, as somebody asked for in asynqmon, if it runs here. A
// wait ends, and an attempt that has begun is finished all the same.
func (q *queues) cancel(taskID string) {
	if cancel, ok := q.cancels.Load(taskID); ok {
		cancel.(context.CancelFunc)()
	}
}

// queueLog gives asynq's log to zap.
type queueLog struct{ *zap.SugaredLogger }

// Warn keeps to debug what asynq says of each refund that goes into review: the
// refund has a line of its own, which says what to do.
func (l queueLog) Warn(args ...any) {
	if text := fmt.Sprint(args...); strings.HasPrefix(text, "Retry exhausted for task id=") {
		l.Debug(text)
		return
	}
	l.SugaredLogger.Warn(args...)
}

// Error keeps to debug that a server has no subscription of its own: see
// package wake.
func (l queueLog) Error(args ...any) {
	if text := fmt.Sprint(args...); strings.HasPrefix(text, "cannot subscribe to cancelation channel") {
		l.Debug(text)
		return
	}
	l.SugaredLogger.Error(args...)
}

// Fatal is an error: a library does not end the worker.
func (l queueLog) Fatal(args ...any) { l.SugaredLogger.Error(args...) }
