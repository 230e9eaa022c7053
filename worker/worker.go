// Package worker runs refunds: it wires the queues, the journal and the
// providers together, and looks after their life.
//
// A program of your own embeds it with New and Run. It promises that an attempt
// which has begun is finished within the shutdown timeout, and that ending the
// process at any moment loses no refund and pays none twice.
package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/admission"
	"refundworker/config"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/ratelimit"
	"refundworker/tally"
	"refundworker/tasks"
	"refundworker/web"
	"refundworker/web/access"
)

// GCPercent is what a process that does nothing else does well to give
// debug.SetGCPercent, as cmd/worker does unless GOGC is set: a refund leaves some
// 80 KiB of garbage and nothing that stays, so that waiting for four times what
// lives, which is a few MiB, saves three collections of four.
const GCPercent = 400

// Options are what a Worker is run with besides its configuration.
type Options struct {
	Log *zap.Logger // nil: silent
	// Name tells this worker from others in the history; empty: made of host and
	// process id.
	Name string
	// Registry takes the metrics; nil for a new one.
	Registry *prometheus.Registry
	// Tracer makes the spans of refunds; nil: there are none. See package tracing.
	Tracer trace.Tracer
}

// Worker is one worker process. Make it with New, run it once.
type Worker struct {
	cfg      *config.Config
	log      *zap.Logger
	tracer   trace.Tracer
	name     string
	accounts []tasks.Account
	metrics  *metrics
	tally    *tally.Tally
	guard    *access.Guard
	limiter  atomic.Pointer[ratelimit.Limiter]
	running  atomic.Pointer[running]
	draining chan struct{}
	address  atomic.Pointer[net.TCPAddr]
	listened chan struct{}
}

// running is what exists once Redis was reached.
type running struct {
	backend   *tasks.Backend
	processor *tasks.Processor
	operator  *tasks.Operator
	board     *pause.Board
	relayer   *journal.Relayer
	pages     *web.Site
}

// New opens the providers of a configuration whose secrets are resolved. It
// does no I/O but reading the password file, if there is one.
func New(cfg *config.Config, o Options) (*Worker, error) {
	w := &Worker{cfg: cfg, log: o.Log, tracer: o.Tracer, name: o.Name, tally: tally.New(), draining: make(chan struct{}), listened: make(chan struct{})}
	if w.log == nil {
		w.log = zap.NewNop()
	}
	if w.name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "worker"
		}
		w.name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	registry := o.Registry
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	w.metrics = newMetrics(registry, w)
	guard, err := access.New(access.Options{Web: cfg.Web, Listen: cfg.Listen, Public: cfg.CalledBack(), Redis: w.redis, Log: w.log})
	if err != nil {
		return nil, err
	}
	w.guard = guard
	for _, p := range cfg.Providers {
		settings := p.Settings
		settings.Observe = func(operation string, took time.Duration) {
			w.metrics.called(p.Name, operation, took)
			w.tally.Called(p.Name)
		}
		settings.Throttle = func(ctx context.Context) error { return w.throttle(ctx, p) }
		api, err := p.Driver.Open(settings)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Name, err)
		}
		w.accounts = append(w.accounts, tasks.Account{Provider: p, API: api})
		w.metrics.expect(p.Name)
	}
	return w, nil
}

// throttle takes a slot of the provider's rate limit for a call that a driver
// makes on its own account, such as a token's renewal.
func (w *Worker) throttle(ctx context.Context, p config.Provider) error {
	limiter := w.limiter.Load()
	if limiter == nil {
		return errors.New("worker: not connected to Redis yet")
	}
	wait, ok, err := limiter.Reserve(ctx, p.Name, p.RateLimit, p.Burst, p.Timeout)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("worker: no slot of %s's rate limit within %s", p.Name, p.Timeout)
	}
	return sleep(ctx, wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connect reaches Redis, waiting while it is away. A Redis that answers and
// does not keep what it must is an error at once.
func (w *Worker) connect(ctx context.Context) (*running, error) {
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		backend, err := tasks.Open(ctx, w.cfg)
		if err == nil {
			if err = backend.TakeNames(ctx, w.cfg); err == nil {
				return w.assemble(backend)
			}
			err = errors.Join(err, backend.Close())
		}
		if !tasks.Unreachable(err) {
			return nil, err
		}
		w.log.Warn("Redis is not reached; waiting for it", zap.Error(err), zap.Duration("next_try", wait))
		if sleep(ctx, wait) != nil {
			return nil, ctx.Err()
		}
	}
}

func (w *Worker) assemble(backend *tasks.Backend) (*running, error) {
	desk := admission.New(backend.Redis)
	w.limiter.Store(desk.Limiter)
	backend.Tracer = w.tracer
	r := &running{backend: backend, board: desk.Board, operator: tasks.NewOperator(backend, w.cfg)}
	r.relayer = journal.NewRelayer(backend.Journal, func(err error) {
		w.log.Warn("events not relayed yet; the sweeper will", zap.Error(err))
	})
	r.processor = tasks.NewProcessor(tasks.Parts{Journal: backend.Journal, Desk: desk, Accounts: w.accounts,
		Policy: w.cfg.Retry, Log: w.log, Observer: observers{w.metrics, w.tally}, Tracer: w.tracer, Relay: r.relayer.Add, By: "worker " + w.name, Draining: w.draining})
	var err error
	if r.pages, err = web.New(web.Options{Config: w.cfg, Backend: backend, Gate: w.guard, Log: w.log}); err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return r, nil
}

// redis is the connection that the pages' sessions lie behind; nil as long as
// Redis was not reached.
func (w *Worker) redis() redis.UniversalClient {
	if r := w.running.Load(); r != nil {
		return r.backend.Redis
	}
	return nil
}

// observers tell the metrics, and the tally of all workers, what happens.
type observers struct {
	*metrics
	tally *tally.Tally
}

// Settled counts a refund that reached a final state or review.
func (o observers) Settled(rec *journal.Record) {
	o.metrics.Settled(rec)
	o.tally.Settled(rec.Provider, rec.State, rec.Now.Sub(rec.Created))
}
