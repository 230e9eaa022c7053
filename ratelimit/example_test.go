package ratelimit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/ratelimit"
)

func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	mr.SetTime(time.Unix(1_790_000_000, 0))
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr()})
	defer rdb.Close()

	limit, err := ratelimit.Parse("2/s")
	if err != nil {
		panic(err)
	}
	limiter := ratelimit.New(rdb)
	for range 4 {
		wait, ok, err := limiter.Reserve(context.Background(), "unitpay", limit, 1, time.Second)
		fmt.Println(wait, ok, err)
	}
	// Output:
	// 0s true <nil>
	// 500ms true <nil>
	// 1s true <nil>
	// 500ms false <nil>
}
