package worker_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// patience is how long anything may take on a busy machine. Nothing waits for
// it unless the test fails.
const patience = 2 * time.Minute

// setup changes a rig from its defaults. Keys are those of the configuration.
type setup struct {
	companies []string          // configured ones; nil for all
	top       map[string]string // top-level keys
	provider  map[string]string // keys of every provider
	sandbox   sandbox.Options
	creds     sandbox.Credentials // empty: the sandbox's own
	redisArgs []string
	password  string // of Redis
}

// rig is a real redis-server, the simulated companies and a producer. Workers
// are started on it by the test.
type rig struct {
	t         *testing.T
	redis     *redistest.Server
	companies *sandbox.Server
	cfg       *config.Config
	text      string            // of the configuration, without secrets
	env       map[string]string // its secrets
	backend   *tasks.Backend
	enqueuer  *tasks.Enqueuer
	operator  *tasks.Operator
	raw       *redis.Client
	producer  *asynq.Client // a foreign one
	inspector *asynq.Inspector
	log       *lines
	spans     *tracetest.InMemoryExporter // of the producer and of all workers
	tracer    trace.Tracer
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	r := &rig{t: t, redis: redistest.Start(t, s.redisArgs...), log: &lines{}, spans: tracetest.NewInMemoryExporter()}
	r.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans)).Tracer("test")
	if s.sandbox.SettleDelay == 0 {
		s.sandbox.SettleDelay = 100 * time.Millisecond
	}
	r.companies = sandbox.New(s.sandbox)
	if err := r.companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.companies.Close() })
	r.companies.SetCredentials(s.creds)
	r.env = secrets(s.creds)
	r.env["REDIS_URL"] = "redis://" + r.redis.Addr + "/0"
	if s.password != "" {
		r.env["REDIS_URL"] = "redis://:" + s.password + "@" + r.redis.Addr + "/0"
	}
	r.text = r.render(s)
	r.cfg = r.load(r.text)

	var err error
	if r.backend, err = tasks.Open(t.Context(), r.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.backend.Close() })
	r.backend.Tracer = r.tracer
	r.enqueuer, r.operator = tasks.NewEnqueuer(r.backend, r.cfg), tasks.NewOperator(r.backend, r.cfg)
	r.raw = redis.NewClient(&redis.Options{Addr: r.redis.Addr, Password: s.password})
	t.Cleanup(func() { _ = r.raw.Close() })
	r.producer, r.inspector = asynq.NewClientFromRedisClient(r.raw), asynq.NewInspectorFromRedisClient(r.raw)
	return r
}

// secrets are the environment that the configuration takes its secrets from.
func secrets(c sandbox.Credentials) map[string]string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return map[string]string{
		"UNITPAY_SECRET_KEY": or(c.UnitPaySecret, sandbox.UnitPaySecret),
		"MAIB_CLIENT_ID":     or(c.MaibClientID, sandbox.MaibClientID),
		"MAIB_CLIENT_SECRET": or(c.MaibClientSecret, sandbox.MaibClientSecret),
		"SBERBANK_USERNAME":  or(c.SberbankUser, sandbox.SberbankUser),
		"SBERBANK_PASSWORD":  or(c.SberbankPassword, sandbox.SberbankPassword),
	}
}

// render writes the configuration: short waits, so that what usually takes
// minutes takes a second or two.
func (r *rig) render(s setup) string {
	top := map[string]string{"redis": "${REDIS_URL}", "durability": "none", "listen": freeAddress(r.t),
		"retry": "{initial: 50ms, max: 500ms}"}
	maps.Copy(top, s.top)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(top)) {
		fmt.Fprintf(&b, "%s: %s\n", key, top[key])
	}
	b.WriteString("providers:\n")
	if s.companies == nil {
		s.companies = sandbox.Companies
	}
	for _, company := range s.companies {
		keys := map[string]string{"driver": company, "base_url": r.companies.BaseURL(company), "rate_limit": "none",
			"concurrency": "8", "timeout": "1s", "reconcile": "{first: 200ms, settle: 2s}", "poll": "{initial: 50ms, max: 200ms}"}
		switch company {
		case sandbox.UnitPay:
			maps.Copy(keys, map[string]string{"secret_key": "${UNITPAY_SECRET_KEY}", "one_refund_per_payment": "false"})
		case sandbox.Maib:
			maps.Copy(keys, map[string]string{"client_id": "${MAIB_CLIENT_ID}", "client_secret": "${MAIB_CLIENT_SECRET}",
				"callback_url": "http://" + top["listen"]})
		case sandbox.Sberbank:
			maps.Copy(keys, map[string]string{"username": "${SBERBANK_USERNAME}", "password": "${SBERBANK_PASSWORD}"})
		}
		for key, value := range s.provider {
			if only, name, ok := strings.Cut(key, "/"); !ok {
				keys[key] = value
			} else if only == company {
				keys[name] = value
			}
		}
		fmt.Fprintf(&b, "  %s:\n", company)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			fmt.Fprintf(&b, "    %s: %s\n", key, keys[key])
		}
	}
	return b.String()
}

// freeAddress is an address whose port is free, and none of those that the system
// gives to connections: one of them could take it before a worker listens there.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port between 20000 and 30000")
	return ""
}

func (r *rig) load(text string) *config.Config {
	r.t.Helper()
	cfg, err := loadText(text, r.env)
	if err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

func loadText(text string, env map[string]string) (*config.Config, error) {
	return config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		Env:      func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
}

// second is the configuration for one more worker: another port.
func (r *rig) second() *config.Config {
	cfg := *r.cfg
	cfg.Listen = "127.0.0.1:0"
	return &cfg
}

// process is a running worker.
type process struct {
	*worker.Worker
	stop func() // drains and waits
}

// start runs a worker until the test ends or stop is called.
func (r *rig) start() *process { return r.startWith(r.cfg, "first") }

func (r *rig) startWith(cfg *config.Config, name string) *process {
	r.t.Helper()
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), r.log, zap.DebugLevel))
	w, err := worker.New(cfg, worker.Options{Log: log, Name: name, Tracer: r.tracer})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	var once sync.Once
	p := &process{w, func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					r.t.Errorf("worker %s: %v", name, err)
				}
			case <-time.After(patience):
				r.t.Errorf("worker %s does not end", name)
			}
		})
	}}
	r.t.Cleanup(p.stop)
	select {
	case <-w.Listening():
	case err := <-ended:
		ended <- nil
		r.t.Fatalf("worker %s ended: %v", name, err)
	}
	return p
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) Sync() error { return nil }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var paymentNumber atomic.Int64

// pay makes a payment and returns its id.
func (r *rig) pay(p sandbox.Payment) string {
	n := paymentNumber.Add(1)
	switch p.Company {
	case sandbox.UnitPay:
		p.ID = fmt.Sprint(7_000_000_000 + n)
	default:
		p.ID = fmt.Sprintf("8ce09e40-2948-4225-a9c4-%012x", n)
	}
	r.companies.AddPayment(p)
	return p.ID
}

// pays makes a plain payment of so many minor units.
func (r *rig) pays(company string, minor int64) string {
	return r.pay(sandbox.Payment{Company: company, Minor: minor})
}

func request(company, payment, amount string) refund.Request {
	currency := "RUB"
	if company == sandbox.Maib {
		currency = "MDL"
	}
	return refund.Request{RefundID: refund.NewID(), Provider: company, PaymentID: payment, Amount: amount, Currency: currency,
		Reason: "test", Metadata: map[string]string{"order": payment}}
}

// ask enqueues and returns the answer.
func (r *rig) ask(q refund.Request, options ...tasks.Option) tasks.Receipt {
	r.t.Helper()
	receipt, err := r.enqueuer.Enqueue(r.t.Context(), q, options...)
	if err != nil {
		r.t.Fatalf("enqueue: %v", err)
	}
	return receipt
}

// enqueue takes a refund in, which must work, and returns its id.
func (r *rig) enqueue(q refund.Request, options ...tasks.Option) string {
	r.t.Helper()
	receipt := r.ask(q, options...)
	if receipt.Status != tasks.Queued {
		r.t.Fatalf("enqueue answered %+v", receipt)
	}
	return receipt.RefundID
}

func (r *rig) get(id string) *journal.Record {
	r.t.Helper()
	rec, err := r.backend.Journal.Get(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// waitFor waits until the refund is in one of the states, and fails at once
// when it has ended in another.
func (r *rig) waitFor(id string, states ...refund.State) *journal.Record {
	r.t.Helper()
	var rec *journal.Record
	r.until(fmt.Sprintf("refund %s is %v", id, states), func() bool {
		var err error
		rec, err = r.backend.Journal.Get(r.t.Context(), id)
		if err != nil {
			return false // a foreign task's refund is not taken in yet
		}
		if rec.State.Terminal() && !slices.Contains(states, rec.State) {
			r.t.Fatalf("refund is %s, not %v\n%s", rec.State, states, r.story(rec))
		}
		return slices.Contains(states, rec.State)
	}, func() string { return r.story(rec) })
	return rec
}

// until waits for a condition. tell adds to what a failure says.
func (r *rig) until(what string, holds func() bool, tell ...func() string) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			var more string
			for _, t := range tell {
				more += "\n" + t()
			}
			r.t.Fatalf("in vain waited for: %s%s", what, more)
		}
	}
}

// story is what the journal has to say of a refund, for failures.
func (r *rig) story(rec *journal.Record) string {
	if rec == nil {
		return "no such refund"
	}
	v, err := r.backend.Journal.FullView(context.Background(), rec)
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%s %s %s: %s (%s) waiting %q", v.Provider, v.PaymentID, v.Amount, v.State, v.ReasonCode, v.Waiting)
	for _, h := range v.History {
		s += fmt.Sprintf("\n  %s %s->%s by %s: %s", h.At.Format("05.000"), h.From, h.To, h.By, h.Note)
	}
	s += fmt.Sprintf("\n  now %s, due %s, %d lookups, %d fails", rec.Now.Format("05.000"), rec.Due.Format("05.000"), rec.Lookups, rec.Fails)
	if info, err := r.inspector.GetTaskInfo(rec.Provider, rec.ID); err == nil {
		s += fmt.Sprintf("\n  task %s, next %s, last error %q", info.State, info.NextProcessAt.Format("05.000"), info.LastErr)
	}
	if status, err := r.operator.Paused(context.Background(), rec.Provider); err == nil {
		s += fmt.Sprintf("\n  provider %+v", status)
	}
	return s
}

// moved checks how much of the payment really went back.
func (r *rig) moved(company, payment string, want int64) {
	r.t.Helper()
	if got := r.companies.Moved(company, payment); got != want {
		r.t.Errorf("%d minor units moved, want %d", got, want)
	}
}

// calls checks how many refund calls the company got.
func (r *rig) calls(company string, want int) {
	r.t.Helper()
	if got := r.companies.Calls(company, sandbox.OpRefund); got != want {
		r.t.Errorf("%d refund calls, want %d", got, want)
	}
}

// everyCompany runs a test against each driver, on a rig of its own.
func everyCompany(t *testing.T, s setup, test func(t *testing.T, r *rig, company string)) {
	t.Parallel()
	for _, company := range sandbox.Companies {
		t.Run(company, func(t *testing.T) {
			t.Parallel()
			s := s
			s.companies = []string{company}
			test(t, newRig(t, s), company)
		})
	}
}

// processConfig names the file that makes this test program a worker.
const processConfig = "WORKER_TEST_CONFIG"

func TestMain(m *testing.M) {
	if file := os.Getenv(processConfig); file != "" {
		os.Exit(workerProcess(file))
	}
	// The tests wait more than they work, so more of them may run at a time than
	// there are processors.
	flag.Parse()
	otel.SetTextMapPropagator(propagation.TraceContext{}) // as package tracing does
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
