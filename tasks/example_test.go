package tasks_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/refund"
	"refundworker/tasks"
)

// An order system enqueues a refund. Its own id makes asking again harmless.
func ExampleEnqueuer_Enqueue() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	text := "redis: redis://" + mr.Addr() + `
durability: none # miniredis has no disk
providers:
  unitpay: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: "${UNITPAY_SECRET_KEY}"}`

	// In a real program: config.Load(config.Find(""), config.Options{Drivers: all.Drivers})
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	backend, err := tasks.Open(ctx, cfg)
	if err != nil {
		panic(err)
	}
	defer backend.Close()
	enqueuer := tasks.NewEnqueuer(backend, cfg)

	request := refund.Request{RefundID: "order-7-refund-1", Provider: "unitpay", PaymentID: "1234512345",
		Amount: "100.00", Currency: "RUB", Reason: "one item returned", Metadata: map[string]string{"order": "7"}}
	for range 2 {
		receipt, err := enqueuer.Enqueue(ctx, request)
		if err != nil {
			panic(err) // not known: enqueue the same request again
		}
		fmt.Println(receipt.Status, receipt.State)
	}
	request.RefundID = "order-7-refund-2"
	receipt, err := enqueuer.Enqueue(ctx, request)
	fmt.Println(receipt.Status, "of", receipt.ExistingID, err)
	// Output:
	// queued queued
	// existing queued
	// duplicate of order-7-refund-1 <nil>
}
