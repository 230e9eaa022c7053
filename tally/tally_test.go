package tally_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tally"
)

var start = time.Date(2026, 1, 1, 12, 0, 30, 0, time.UTC)

func embedded(t *testing.T) (*miniredis.Miniredis, *redis.Client) {
	mini := miniredis.RunT(t)
	mini.SetTime(start)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	return mini, rdb
}

func flush(t *testing.T, one *tally.Tally, rdb redis.UniversalClient) {
	t.Helper()
	if err := one.Flush(t.Context(), rdb); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, rdb redis.UniversalClient, providers ...string) map[string]*tally.Hour {
	t.Helper()
	hours, err := tally.Read(t.Context(), rdb, providers)
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

func TestWorkersAddUpMinuteByMinute(t *testing.T) {
	mini, rdb := embedded(t)
	first, second := tally.New(), tally.New()
	first.Settled("unitpay", refund.Succeeded, 900*time.Millisecond)
	first.Called("unitpay")
	second.Settled("unitpay", refund.Succeeded, 3*time.Second)
	second.Settled("unitpay", refund.Review, time.Hour)
	second.Called("maib")
	flush(t, first, rdb)
	flush(t, second, rdb)
	mini.SetTime(start.Add(time.Minute))
	first.Called("unitpay")
	flush(t, first, rdb)

	hours := read(t, rdb, "unitpay", "maib", "sberbank")
	before := hours["unitpay"][tally.Minutes-2]
	if before.Settled[refund.Succeeded] != 2 || before.Settled[refund.Review] != 1 || before.Calls != 1 {
		t.Errorf("%+v", before)
	}
	if half, all := before.Took.Within(50), before.Took.Within(95); half != 1024 || all != 4096 {
		t.Errorf("half within %d ms, nearly all within %d ms; a review's time must not count", half, all)
	}
	if now := hours["unitpay"][tally.Minutes-1]; now.Calls != 1 || len(now.Settled) != 0 {
		t.Errorf("counted again: %+v", now)
	}
	if sum := hours["unitpay"].Sum(0, tally.Minutes); sum.Calls != 2 || sum.Settled[refund.Succeeded] != 2 || sum.Took.Within(100) != 4096 {
		t.Errorf("%+v", sum)
	}
	if m := hours["maib"].Sum(0, tally.Minutes); m.Calls != 1 {
		t.Errorf("%+v", m)
	}
	if s := hours["sberbank"].Sum(0, tally.Minutes); s.Calls != 0 || s.Took.Within(50) != 0 {
		t.Errorf("%+v", s)
	}
	mini.SetTime(start.Add(time.Hour + time.Minute))
	if sum := read(t, rdb, "unitpay")["unitpay"].Sum(0, tally.Minutes); sum.Calls != 0 {
		t.Errorf("older than an hour: %+v", sum)
	}
}

func TestAMinuteGoesByItself(t *testing.T) {
	mini, rdb := embedded(t)
	one := tally.New()
	one.Called("unitpay")
	flush(t, one, rdb)
	if keys := mini.Keys(); len(keys) != 1 || mini.TTL(keys[0]) != 2*time.Hour {
		t.Errorf("keys %v with %v to live", keys, mini.TTL(keys[0]))
	}
}

func TestNothingCountedCostsNoRoundTrip(t *testing.T) {
	mini, rdb := embedded(t)
	mini.Close()
	if err := tally.New().Flush(t.Context(), rdb); err != nil {
		t.Error(err)
	}
}

func TestAWorkerGoesOnWithoutRedis(t *testing.T) {
	mini, rdb := embedded(t)
	one := tally.New()
	one.Called("unitpay")
	mini.SetError("LOADING")
	if err := one.Flush(t.Context(), rdb); err == nil {
		t.Error("no error")
	}
	mini.SetError("")
	one.Called("unitpay")
	flush(t, one, rdb)
	if sum := read(t, rdb, "unitpay")["unitpay"].Sum(0, tally.Minutes); sum.Calls != 1 {
		t.Errorf("what was lost came twice: %+v", sum)
	}
}

func TestCountingWhileFlushingLosesNothing(t *testing.T) {
	_, rdb := embedded(t)
	one := tally.New()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 250 {
				one.Called("unitpay")
			}
		})
	}
	for range 5 {
		flush(t, one, rdb)
	}
	group.Wait()
	flush(t, one, rdb)
	if sum := read(t, rdb, "unitpay")["unitpay"].Sum(0, tally.Minutes); sum.Calls != 1000 {
		t.Errorf("%d of 1000 calls", sum.Calls)
	}
}

func TestTallyInACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 2)
	rdb, err := redisconn.Open(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	one := tally.New()
	names := []string{"unitpay", "maib", "sberbank", "other"}
	for _, name := range names {
		one.Called(name)
	}
	if err := one.Flush(context.Background(), rdb); err != nil {
		t.Fatal(err)
	}
	for name, hour := range read(t, rdb, names...) {
		if sum := hour.Sum(0, tally.Minutes); sum.Calls != 1 {
			t.Errorf("%s: %+v", name, sum)
		}
	}
}
