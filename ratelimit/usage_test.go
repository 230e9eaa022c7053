package ratelimit_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/ratelimit"
)

func TestUsageIsReadAndNotTaken(t *testing.T) {
	server := miniredis.RunT(t)
	server.SetTime(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()
	l := ratelimit.New(rdb)
	usage := func() ratelimit.Usage {
		t.Helper()
		u, err := l.Usage(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := usage(); u != (ratelimit.Usage{}) {
		t.Errorf("nothing is taken: %+v", u)
	}
	for range 2 {
		if _, _, err := l.Reserve(t.Context(), "shop", ratelimit.Limit{Calls: 1, Per: time.Second}, 1, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Penalize(t.Context(), "shop", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for range 2 { // reading takes nothing
		if u := usage(); u.Ahead != 2*time.Second || u.Barred != 30*time.Second {
			t.Errorf("got %+v", u)
		}
	}
	server.SetTime(time.Date(2025, 1, 1, 0, 1, 0, 0, time.UTC))
	if u := usage(); u != (ratelimit.Usage{}) {
		t.Errorf("a minute later: %+v", u)
	}
}
