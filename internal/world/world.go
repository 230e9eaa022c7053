package world

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/tasks"
)

// Options say what a world is made of.
type Options struct {
	Companies []Company // nil: one, "bank", that can tell everything
	Settings  []string  // top-level lines of the configuration
	Cluster   bool      // refunds are taken in as in a cluster, in steps
}

// World is one Redis, its processes and the companies. Everything must happen
// within the function given to Run, and from its goroutine.
type World struct {
	T       *testing.T // the bubble's: to be used for Fatal, which must not be called on another's
	Redis   *miniredis.Miniredis
	Config  *config.Config
	cluster bool
	Journal *journal.Journal // reads and writes as nobody: it makes no steps and meets no faults

	// Plan says what fault a step meets; nil: none. It is called once for every
	// step, before it.
	Plan func(Step) Mode

	banks     map[string]*Bank
	raw       *redis.Client
	inspector *asynq.Inspector
	skew      time.Duration
	skewed    bool // it was ever set
	forwarded time.Time
	asked     []Asked

	mu        sync.Mutex // guards what follows
	steps     []Step
	processes []*Process
	misled    []error // see witness
}

// Run runs f in a new world, in a bubble of virtual time. A panic of f, also
// one by which a property test stops, comes out of Run. It may be called many
// times with one t.
func Run(t *testing.T, o Options, f func(w *World)) {
	t.Helper()
	var panicked any
	synctest.Test(t, func(t *testing.T) {
		w, err := build(o)
		if err != nil {
			t.Fatal(err)
		}
		w.T = t
		defer w.close()
		defer func() { panicked = recover() }()
		f(w)
	})
	if panicked != nil {
		panic(panicked)
	}
}

func build(o Options) (*World, error) {
	if o.Companies == nil {
		o.Companies = []Company{{Name: "bank", RefundStatus: true, NeedsAmount: true}}
	}
	cfg, err := configure(o.Settings, o.Companies)
	if err != nil {
		return nil, err
	}
	w := &World{Config: cfg, Redis: miniredis.NewMiniRedis(), cluster: o.Cluster, banks: map[string]*Bank{}}
	w.Redis.ClockTTL(true)
	if first, err := w.Redis.Dial(); err != nil { // starts it
		return nil, err
	} else if err := first.Close(); err != nil {
		return nil, err
	}
	for _, c := range o.Companies {
		w.banks[c.Name] = newBank(c)
	}
	w.raw = w.client()
	w.inspector = asynq.NewInspectorFromRedisClient(w.raw)
	w.Journal = w.journal(w.raw)
	return w, nil
}

func (w *World) journal(client *redis.Client) *journal.Journal {
	return journal.New(client, redisconn.NewWaiter(client, string(config.DurabilityNone), time.Second),
		journal.Options{Window: w.Config.DedupeWindow, Retention: w.Config.JournalRetention, Cluster: w.cluster})
}

// client opens a client as the worker would, on a connection in memory.
func (w *World) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:     "world:6379",
		Protocol: 2,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			mine, theirs := newPipe()
			w.Redis.Server().ServeConn(theirs)
			return mine, nil
		},
		ContextTimeoutEnabled:    true,
		PoolSize:                 64,
		MaxRetries:               -1, // repeating is a fault of its own: see Repeat
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (w *World) close() {
	for _, p := range w.processes {
		p.Kill()
	}
	synctest.Wait()
	for _, p := range w.processes {
		_ = p.Backend.Close()
	}
	_ = w.raw.Close()
	w.Redis.Close()
}

// Start starts a process: a worker, a producer and an operator in one.
func (w *World) Start(name string) *Process {
	p := &Process{Name: name, world: w, froze: make(chan struct{}, 16), wake: make(chan struct{}), gone: make(chan struct{})}
	journals, queues := w.client(), w.client()
	p.Backend = tasks.NewBackend(journals, queues, w.Config, redisconn.Report{})
	if w.cluster {
		p.Backend.Journal = w.journal(journals)
	}
	journals.AddHook(hook{p})
	queues.AddHook(hook{p})
	p.equip()
	w.processes = append(w.processes, p)
	return p
}

// Bank returns the company of a provider.
func (w *World) Bank(provider string) *Bank { return w.banks[provider] }

// Now is the world's time, which every process's clock shows unless it is skewed.
func (w *World) Now() time.Time { return time.Now() }

// Advance lets time pass for everything.
func (w *World) Advance(d time.Duration) {
	time.Sleep(d)
	if w.skewed {
		w.SkewRedis(w.skew)
	}
}

// SkewRedis sets Redis's clock off from the world's, or right again. From then
// on it moves with Advance only: giving miniredis its own clock back would make
// it forget all that has a TTL.
func (w *World) SkewRedis(d time.Duration) {
	w.skew, w.skewed = d, true
	w.Redis.SetTime(time.Now().Add(d).UTC())
}

// Steps returns the steps made so far, in order.
func (w *World) Steps() []Step {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Step(nil), w.steps...)
}

// FaultAt plans one fault, at the step with that number. See Step.
func (w *World) FaultAt(n int, mode Mode) {
	w.Plan = func(s Step) Mode {
		if s.Number == n {
			return mode
		}
		return None
	}
}

// guarded turns a panic into an error with its stack, so that it fails the
// test that it happened in and not the program.
func guarded(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
	}
}
