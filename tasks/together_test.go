package tasks_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

// The password was changed: what the journal has open goes on, and the queue's new
// connections are refused. A row must not be called queued then.
func TestRowsWithoutATaskAreNotCalledQueued(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("before")
	open := func(idle time.Duration) redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: server.Addr(), Password: "before", ConnMaxIdleTime: idle})
	}
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ReadFile: func(string) ([]byte, error) {
		return []byte("durability: none\nproviders:\n  unitpay: {driver: unitpay, base_url: \"https://unitpay.ru/api\", secret_key: \"${K}\"}\n"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := tasks.NewBackend(open(time.Hour), open(1), cfg, redisconn.Report{})
	defer b.Close()
	e := tasks.NewEnqueuer(b, cfg)
	enqueue := func(id string) error {
		order, err := e.Check(refund.Request{RefundID: id, Provider: "unitpay", PaymentID: id, Amount: "1.00", Currency: "RUB"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.EnqueueAll(t.Context(), []refund.Order{order})
		return err
	}
	if err := enqueue("1"); err != nil {
		t.Fatal(err)
	}
	server.RequireAuth("changed")
	if err := enqueue("2"); err == nil {
		t.Error("a row without a task was called queued")
	}
	server.RequireAuth("before")
	if err := enqueue("2"); err != nil {
		t.Fatal(err)
	}
	rec, err := b.Journal.Get(t.Context(), "2")
	if err != nil {
		t.Fatal(err)
	}
	if has, err := b.HasTask(rec); err != nil || !has {
		t.Errorf("asked again, it has a task: %v, %v", has, err)
	}
}
