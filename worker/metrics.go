package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

// metrics are the worker's own figures. Labels are configured names and fixed
// words only, so their number is bounded.
type metrics struct {
	registry     *prometheus.Registry
	attempts     *labelled[prometheus.Counter]
	settled      *labelled[prometheus.Counter]
	limited      *prometheus.CounterVec
	contradicted *prometheus.CounterVec
	held         *prometheus.GaugeVec
	calls        *labelled[prometheus.Observer]
	age          *labelled[prometheus.Observer]
}

// vector is what Prometheus keeps the metrics of one name in.
type vector[M any] interface {
	prometheus.Collector
	WithLabelValues(...string) M
}

// labelled is a vector whose metrics are told apart by the provider and one more
// label. Each is looked up there once: that takes longer than to count.
type labelled[M any] struct {
	vector[M]
	known sync.Map // [2]string: M
}

// of is the one with these labels.
func (l *labelled[M]) of(provider, label string) M {
	labels := [2]string{provider, label}
	if m, ok := l.known.Load(labels); ok {
		return m.(M)
	}
	m, _ := l.known.LoadOrStore(labels, l.WithLabelValues(provider, label))
	return m.(M)
}

// Why nothing is sent, for refund_held.
const (
	heldRedis   = "redis"   // it does not keep what it must
	heldAccount = "account" // another worker has taken it up under another name
)

func newMetrics(registry *prometheus.Registry, w *Worker) *metrics {
	m := &metrics{registry: registry,
		attempts: &labelled[prometheus.Counter]{vector: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "refund_attempts_total",
			Help: "Calls of a provider's refund endpoint, by what came of them."}, []string{"provider", "outcome"})},
		settled: &labelled[prometheus.Counter]{vector: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "refund_settled_total",
			Help: "Refunds that reached a final state or review."}, []string{"provider", "state"})},
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "refund_rate_limited_total",
			Help: "Calls that had to wait for our own rate limit."}, []string{"provider"}),
		contradicted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "refund_contradicted_total",
			Help: "Evidence that came up against a final state."}, []string{"provider"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "refund_held",
			Help: "1 while this worker sends nothing, because Redis does not keep what it must, or because an account has another name."}, []string{"reason"}),
		calls: &labelled[prometheus.Observer]{vector: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "refund_provider_seconds",
			Help: "How long a provider's answers take.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 12)}, []string{"provider", "operation"})},
		age: &labelled[prometheus.Observer]{vector: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "refund_age_seconds",
			Help: "Age of refunds when they settle, from when they were taken in.", Buckets: prometheus.ExponentialBuckets(0.1, 4, 12)}, []string{"provider", "state"})},
	}
	registry.MustRegister(m.attempts, m.settled, m.limited, m.contradicted, m.held, m.calls, m.age,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), standing{w})
	m.hold("")
	return m
}

// expect starts a provider's counters at 0: a counter that first appears as 1
// has risen by nothing, as Prometheus sees it.
func (m *metrics) expect(provider string) {
	for kind := providers.Unknown; kind <= providers.Misconfigured; kind++ {
		m.attempts.of(provider, kind.String())
	}
	for _, state := range refund.States {
		if state.Terminal() || state == refund.Review {
			m.settled.of(provider, string(state))
		}
	}
	m.limited.WithLabelValues(provider)
	m.contradicted.WithLabelValues(provider)
}

// hold says why nothing is sent; empty for no reason.
func (m *metrics) hold(why string) {
	for _, reason := range []string{heldRedis, heldAccount} {
		m.held.WithLabelValues(reason).Set(truth(reason == why))
	}
}

// Attempted counts an attempt.
func (m *metrics) Attempted(provider, outcome string) {
	m.attempts.of(provider, outcome).Inc()
}

// Settled counts a refund that reached a final state or review.
func (m *metrics) Settled(rec *journal.Record) {
	m.settled.of(rec.Provider, string(rec.State)).Inc()
	m.age.of(rec.Provider, string(rec.State)).Observe(rec.Now.Sub(rec.Created).Seconds())
}

// Limited counts a wait for the rate limit.
func (m *metrics) Limited(provider string) { m.limited.WithLabelValues(provider).Inc() }

// Contradicted counts evidence against a final state.
func (m *metrics) Contradicted(provider string) { m.contradicted.WithLabelValues(provider).Inc() }

func (m *metrics) called(provider, operation string, took time.Duration) {
	m.calls.of(provider, operation).Observe(took.Seconds())
}

// standing reads at each scrape what is true for all workers together.
type standing struct{ w *Worker }

var (
	inStateDesc  = prometheus.NewDesc("refund_in_state", "Refunds that are in a state now.", []string{"provider", "state"}, nil)
	oldestDesc   = prometheus.NewDesc("refund_oldest_seconds", "How long the oldest refund has been in its state.", []string{"provider", "state"}, nil)
	pausedDesc   = prometheus.NewDesc("refund_provider_paused", "1 while a provider is paused for this reason.", []string{"provider", "reason"}, nil)
	queueDesc    = prometheus.NewDesc("asynq_queue_size", "Tasks in a queue, by their state there.", []string{"queue", "state"}, nil)
	latencyDesc  = prometheus.NewDesc("asynq_queue_latency_seconds", "How long the oldest pending task has waited.", []string{"queue"}, nil)
	restoredDesc = prometheus.NewDesc("refund_restored", "1 while the mark of refundctl after-restore holds, which a failover may set too.", nil, nil)
	memoryDesc   = prometheus.NewDesc("refund_redis_memory_ratio", "How much of its maxmemory the fullest Redis server has used; absent without a limit.", nil, nil)
	reachedDesc  = prometheus.NewDesc("refund_redis_up", "1 if Redis answered this scrape.", nil, nil)
)

// scrapeTime bounds what a scrape asks of Redis.
const scrapeTime = 5 * time.Second

// Describe names the figures.
func (standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inStateDesc, oldestDesc, pausedDesc, queueDesc, latencyDesc, restoredDesc, memoryDesc, reachedDesc} {
		ch <- d
	}
}

// Collect reads them. What can't be read is left out and refund_redis_up is 0.
func (s standing) Collect(ch chan<- prometheus.Metric) {
	up := 0.0
	defer func() { ch <- prometheus.MustNewConstMetric(reachedDesc, prometheus.GaugeValue, up) }()
	r := s.w.running.Load()
	if r == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	now, err := r.backend.Journal.Now(ctx)
	if err != nil {
		return
	}
	stats, err := r.backend.Journal.Stats(ctx)
	if err != nil {
		s.w.log.Warn("metrics not read", zap.Error(err))
		return
	}
	up = 1
	for _, st := range s.complete(stats, now) {
		ch <- prometheus.MustNewConstMetric(inStateDesc, prometheus.GaugeValue, float64(st.Count), st.Provider, string(st.State))
		if !st.State.Terminal() {
			ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, max(now.Sub(st.Oldest).Seconds(), 0), st.Provider, string(st.State))
		}
	}
	for _, a := range s.w.accounts {
		s.collectProvider(ctx, ch, r, a.Name)
	}
	if since, err := r.backend.Journal.RestoredSince(ctx); err == nil {
		ch <- prometheus.MustNewConstMetric(restoredDesc, prometheus.GaugeValue, truth(!since.IsZero()))
	}
	if ratio, limited, err := redisconn.MemoryUsed(ctx, r.backend.Redis); err == nil && limited {
		ch <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, ratio)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// complete adds the states that no refund is in: none is a figure too, and a
// gap would look like a Redis that is away.
func (s standing) complete(stats []journal.Stat, now time.Time) []journal.Stat {
	for _, a := range s.w.accounts {
		for _, state := range refund.States {
			if !slices.ContainsFunc(stats, func(st journal.Stat) bool { return st.Provider == a.Name && st.State == state }) {
				stats = append(stats, journal.Stat{Provider: a.Name, State: state, Oldest: now})
			}
		}
	}
	return stats
}

func (s standing) collectProvider(ctx context.Context, ch chan<- prometheus.Metric, r *running, provider string) {
	status, err := r.board.State(ctx, provider)
	if err == nil {
		for _, reason := range []pause.Reason{pause.ReasonHealth, pause.ReasonCredentials, pause.ReasonOperator} {
			ch <- prometheus.MustNewConstMetric(pausedDesc, prometheus.GaugeValue, truth(status.Reason == reason), provider, string(reason))
		}
	}
	for _, queue := range tasks.Queues(provider) {
		sizes, latency, err := r.backend.QueueSizes(queue)
		if err != nil {
			continue // asynq knows no queue that nothing was ever put on
		}
		for state, n := range sizes {
			ch <- prometheus.MustNewConstMetric(queueDesc, prometheus.GaugeValue, float64(n), queue, state)
		}
		ch <- prometheus.MustNewConstMetric(latencyDesc, prometheus.GaugeValue, latency.Seconds(), queue)
	}
}
