package tally_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/refund"
	"refundworker/tally"
)

// Each worker counts for itself and flushes every few seconds; whoever reads
// sees what all of them did.
func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr()})
	defer rdb.Close()
	ctx := context.Background()

	worker := tally.New()
	worker.Called("unitpay")
	worker.Settled("unitpay", refund.Succeeded, 700*time.Millisecond)
	if err := worker.Flush(ctx, rdb); err != nil {
		panic(err)
	}
	hours, err := tally.Read(ctx, rdb, []string{"unitpay"})
	if err != nil {
		panic(err)
	}
	sum := hours["unitpay"].Sum(0, tally.Minutes)
	fmt.Println(sum.Settled[refund.Succeeded], "succeeded, half within", sum.Took.Within(50), "ms")
	// Output: 1 succeeded, half within 1024 ms
}
