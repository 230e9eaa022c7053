package ratelimit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/ratelimit"
)

// The scripts in Redis's own Lua, with several clients at once.
func TestOnARealRedis(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	limit := ratelimit.Limit{Calls: 1, Per: time.Hour}
	var granted atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		l := ratelimit.New(server.Client(t))
		for range 10 {
			wg.Go(func() {
				wait, ok, err := l.Reserve(ctx, "maib", limit, 3, 0)
				switch {
				case err != nil:
					t.Error(err)
				case ok && wait == 0:
					granted.Add(1)
				case ok || wait <= 0 || wait > time.Hour+ratelimit.Horizon:
					t.Errorf("Reserve = %s, %t", wait, ok)
				}
			})
		}
	}
	wg.Wait()
	if n := granted.Load(); n != 3 {
		t.Errorf("%d slots, want the burst of 3", n)
	}
	rdb := server.Client(t)
	if ttl := rdb.PTTL(ctx, "refunds:{prov:maib}:limit").Val(); ttl <= 0 {
		t.Errorf("the key's TTL is %s", ttl)
	}
	l := ratelimit.New(rdb)
	if err := l.Penalize(ctx, "unitpay", time.Hour); err != nil {
		t.Fatal(err)
	}
	if wait, ok, err := l.Reserve(ctx, "unitpay", ratelimit.Limit{Unlimited: true}, 1, time.Minute); err != nil || ok || wait < time.Minute {
		t.Errorf("Reserve under a penalty = %s, %t, %v", wait, ok, err)
	}
}
