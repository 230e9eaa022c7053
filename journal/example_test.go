package journal_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// Every change names the version it was made for: of two at once, one wins.
func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr()})
	defer rdb.Close()
	ctx := context.Background()
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second),
		journal.Options{Window: 30 * time.Minute, Retention: 9600 * time.Hour})

	order := refund.Order{RefundID: "r-1", Provider: "unitpay", PaymentID: "42", Asked: "100.00",
		Amount: refund.Money{Minor: 100_00, Currency: "RUB"}, Total: refund.Money{Currency: "RUB"}}
	if _, err := j.Claim(ctx, order.RefundID, order.Provider, order.PaymentID, order.Digest()); err != nil {
		panic(err)
	}
	taken, err := j.Take(ctx, order, journal.Taking{By: "example"})
	if err != nil {
		panic(err)
	}
	seen := taken.Record
	fmt.Println(seen.State)

	cancel := journal.Step{To: refund.Canceled, NoDue: true, By: "example", Note: "the customer changed her mind"}
	first, err := j.Apply(ctx, seen, cancel)
	fmt.Println(first.State, err)
	_, err = j.Apply(ctx, seen, cancel) // on what was seen before
	fmt.Println(err == journal.ErrStale)
	// Output:
	// queued
	// canceled <nil>
	// true
}
