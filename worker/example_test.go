package worker_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// A program of your own runs a worker, enqueues a refund, and hears from the
// event stream what became of it.
func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	company := sandbox.New(sandbox.Options{}) // in place of a real company
	defer company.Close()
	if err := company.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	company.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: "42", Minor: 500_00})
	text := "redis: redis://" + mr.Addr() + `
durability: none # miniredis has no disk
listen: 127.0.0.1:0
providers:
  unitpay: {driver: unitpay, base_url: "` + company.BaseURL(sandbox.UnitPay) + `", secret_key: ` + sandbox.UnitPaySecret + `}`
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		panic(err)
	}

	w, err := worker.New(cfg, worker.Options{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // until ctx ends, then it drains

	backend, err := tasks.Open(ctx, cfg)
	if err != nil {
		panic(err)
	}
	defer backend.Close()
	if _, err := tasks.NewEnqueuer(backend, cfg).Enqueue(ctx, refund.Request{RefundID: "r-1", Provider: "unitpay",
		PaymentID: "42", Amount: "100.00", Currency: "RUB"}); err != nil {
		panic(err)
	}
	events, err := backend.Redis.XRead(ctx, &redis.XReadArgs{Streams: []string{journal.Events, "0"}, Block: 50 * time.Second}).Result()
	if err != nil {
		panic(err)
	}
	event := events[0].Messages[0].Values
	fmt.Println(event["refund_id"], event["state"], event["amount_moved"], company.Moved(sandbox.UnitPay, "42"))

	stop()
	fmt.Println(<-ended)
	// Output:
	// r-1 succeeded 100.00 10000
	// <nil>
}
