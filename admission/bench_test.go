package admission_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/admission"
	"refundworker/internal/redistest"
	"refundworker/pause"
	"refundworker/ratelimit"
)

// What asking costs, on a real Redis: in one round trip and in two.
func BenchmarkAsk(b *testing.B) {
	rdb := redistest.Start(b).Client(b)
	for name, limit := range map[string]ratelimit.Limit{"no limit": {Unlimited: true}, "a limit": {Calls: 1000, Per: time.Millisecond}} {
		call := admission.Call{Provider: "unitpay", Limit: limit, Burst: 1, MaxWait: time.Second}
		desk := admission.New(rdb)
		if err := desk.Board.Report(b.Context(), call.Provider, pause.Good()); err != nil {
			b.Fatal(err)
		}
		b.Run("at once, "+name, func(b *testing.B) {
			defer inRedis(b, rdb)()
			for b.Loop() {
				if got, err := desk.Ask(b.Context(), call); err != nil || !got.Slot {
					b.Fatal(got, err)
				}
			}
		})
		b.Run("one by one, "+name, func(b *testing.B) {
			defer inRedis(b, rdb)()
			for b.Loop() {
				if pass, err := desk.Board.Enter(b.Context(), call.Provider, 0); err != nil || !pass.Open {
					b.Fatal(pass, err)
				}
				if _, ok, err := desk.Limiter.Reserve(b.Context(), call.Provider, limit, call.Burst, call.MaxWait); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// inRedis reports how long the scripts took within Redis, and how many commands
// they called.
func inRedis(b *testing.B, rdb redis.UniversalClient) (report func()) {
	b.ReportAllocs()
	if err := rdb.ConfigResetStat(b.Context()).Err(); err != nil {
		b.Fatal(err)
	}
	return func() {
		var calls, usec int
		for name, stat := range rdb.InfoMap(b.Context(), "commandstats").Val()["Commandstats"] {
			var c, u int
			if _, err := fmt.Sscanf(stat, "calls=%d,usec=%d", &c, &u); err != nil {
				b.Fatal(name, stat, err)
			}
			switch name {
			case "cmdstat_evalsha":
				usec += u
			case "cmdstat_time", "cmdstat_hgetall", "cmdstat_hmget", "cmdstat_hset", "cmdstat_pexpire", "cmdstat_get", "cmdstat_set":
				calls += c
			}
		}
		b.ReportMetric(float64(usec)/float64(b.N), "redis-µs/op")
		b.ReportMetric(float64(calls)/float64(b.N), "commands/op")
	}
}
