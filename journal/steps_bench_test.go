package journal_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/admission"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/ratelimit"
	"refundworker/redisconn"
	"refundworker/refund"
)

// ledger is a journal on a redis-server of its own, whose refunds are like those
// of a worker: each with a payment of its own, a reason and an order number.
type ledger struct {
	*journal.Journal
	b   *testing.B
	ctx context.Context
	rdb *redis.Client
}

func openLedger(b *testing.B) ledger {
	b.Helper()
	rdb := redistest.Start(b).Client(b)
	info, err := rdb.InfoMap(b.Context(), "replication").Result()
	if err != nil {
		b.Fatal(err)
	}
	var lineage journal.Lineage
	if err := lineage.Admit(b.Context(), rdb, info["Replication"]["master_replid"], func(string) bool { return true }); err != nil {
		b.Fatal(err)
	}
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention, Lineage: true, Gate: admission.GateLua()})
	return ledger{j, b, b.Context(), rdb}
}

func numbered(i int) refund.Order {
	o := order(fmt.Sprintf("4b0f7c1e-9f6f-4f0f-8a57-%012d", i), "100.00")
	o.PaymentID, o.Reason, o.Metadata = strconv.Itoa(1_000_000_000+i), "returned goods", map[string]string{"order": strconv.Itoa(1000 + i)}
	return o
}

func (l ledger) take(i int) *journal.Record {
	l.b.Helper()
	taken, err := l.Take(l.ctx, numbered(i), journal.Taking{By: "enqueue"})
	if err != nil || taken.Record == nil {
		l.b.Fatalf("%+v, %v", taken, err)
	}
	return taken.Record
}

func (l ledger) begin(rec *journal.Record) *journal.Record {
	l.b.Helper()
	next, err := l.Begin(l.ctx, rec, journal.Beginning{Timeout: 15 * time.Second, Grace: time.Second, MaxAge: time.Minute, By: "worker-1/4711",
		Token: journal.NewToken(), Set: map[string]string{"account": "5c1fd1fca8f4f4b6", "start_wall": "1767268800000", "paused_before": "0",
			"baseline": "", "base_pending": "", "lookups": "", "attempt_end": "", "end_wall": "", "denied": "", "lag_since": ""}})
	if err != nil {
		l.b.Fatal(err)
	}
	return next
}

// open asks for a slot, reads the refund and begins its attempt, all in one.
func (l ledger) open(i int, asking admission.Asking) {
	l.b.Helper()
	at := journal.Beginning{Timeout: 15 * time.Second, Grace: time.Second, MaxAge: time.Minute, By: "worker-1/4711",
		Token: journal.NewToken(), Set: map[string]string{"account": "5c1fd1fca8f4f4b6", "start_wall": "1767268800000", "paused_before": "0"}}
	if _, _, err := l.Open(l.ctx, numbered(i), at, &journal.Gate{Keys: asking.Keys, Args: asking.Args}); err != nil {
		l.b.Fatal(err)
	}
}

func (l ledger) asking() admission.Asking {
	l.b.Helper()
	asking, err := admission.New(l.rdb).Asking(admission.Call{Provider: "unitpay", Lease: time.Minute, Limit: ratelimit.Limit{Unlimited: true}, Burst: 1, MaxWait: time.Second})
	if err != nil {
		l.b.Fatal(err)
	}
	return asking
}

func (l ledger) settle(rec *journal.Record) *journal.Record {
	l.b.Helper()
	s := journal.Step{To: refund.Succeeded, NoDue: true, By: "worker-1/4711", Note: "attempt 1: succeeded", Token: journal.NewToken(),
		Set: map[string]string{"deadline": "", "attempt_end": text(rec.Now.UnixMilli()), "end_wall": "", "start_wall": "", "moved": "10000",
			"reason_code": "", "provider_refund_id": "123456789"}}
	s.Ended = rec.EndAttempt(rec.Now, "succeeded", "", "", nil)
	next, err := l.Apply(l.ctx, rec, s)
	if err != nil {
		l.b.Fatal(err)
	}
	return next
}

// spent is the processor time that the server took, in seconds.
func (l ledger) spent() float64 {
	info, err := l.rdb.Info(l.ctx, "cpu").Result()
	if err != nil {
		l.b.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			s, err := strconv.ParseFloat(value, 64)
			if err != nil {
				l.b.Fatal(err)
			}
			sum += s
		}
	}
	return sum
}

// BenchmarkSteps are the steps of a refund that nothing comes between, one by one.
// Beside what Go says of this side, redis-µs/op is the server's processor time,
// its reading and answering included.
func BenchmarkSteps(b *testing.B) {
	for name, step := range map[string]struct {
		before func(l ledger, i int) *journal.Record
		do     func(l ledger, rec *journal.Record, i int)
	}{
		"take": {func(ledger, int) *journal.Record { return nil }, func(l ledger, _ *journal.Record, i int) { l.take(i) }},
		"load": {ledger.take, func(l ledger, rec *journal.Record, _ int) {
			if _, err := l.Load(l.ctx, rec.Provider, rec.PaymentID, rec.ID); err != nil {
				l.b.Fatal(err)
			}
		}},
		"begin":  {ledger.take, func(l ledger, rec *journal.Record, _ int) { l.begin(rec) }},
		"open":   {ledger.take, func(l ledger, _ *journal.Record, i int) { l.open(i, l.asking()) }},
		"settle": {func(l ledger, i int) *journal.Record { return l.begin(l.take(i)) }, func(l ledger, rec *journal.Record, _ int) { l.settle(rec) }},
		"relay": {func(l ledger, i int) *journal.Record { return l.settle(l.begin(l.take(i))) }, func(l ledger, rec *journal.Record, _ int) {
			if err := l.Relay(l.ctx, rec); err != nil {
				l.b.Fatal(err)
			}
		}},
	} {
		b.Run(name, func(b *testing.B) {
			l := openLedger(b)
			recs := make([]*journal.Record, b.N)
			for i := range recs {
				recs[i] = step.before(l, i)
			}
			spent := l.spent()
			b.ReportAllocs()
			b.ResetTimer()
			for i, rec := range recs {
				step.do(l, rec, i)
			}
			b.StopTimer()
			b.ReportMetric((l.spent()-spent)*1e6/float64(b.N), "redis-µs/op")
		})
	}
}

// BenchmarkRefundMemory is what a refund weighs in Redis, waiting and settled.
func BenchmarkRefundMemory(b *testing.B) {
	for name, settled := range map[string]bool{"waiting": false, "settled": true} {
		b.Run(name, func(b *testing.B) {
			l := openLedger(b)
			before := l.used()
			for i := range b.N {
				if rec := l.take(i); settled {
					l.settle(l.begin(rec))
				}
			}
			if _, err := l.RelayAll(l.ctx); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((l.used()-before)/float64(b.N), "redis-B/op")
		})
	}
}

func (l ledger) used() float64 {
	info, err := l.rdb.InfoMap(l.ctx, "memory").Result()
	if err != nil {
		l.b.Fatal(err)
	}
	n, err := strconv.ParseFloat(info["Memory"]["used_memory_dataset"], 64)
	if err != nil {
		l.b.Fatal(err)
	}
	return n
}
