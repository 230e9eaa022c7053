package tasks_test

import (
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/internal/redistest"
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

// Pauses and limits are asked for together in a cluster, too: what travels
// together takes one connection to a server.
func TestInAClusterScriptsTravelTogether(t *testing.T) {
	cfg := &config.Config{Redis: redistest.StartCluster(t, 3).URL, Durability: "none", AllowEviction: true}
	b, err := tasks.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	slow := redis.NewScript("for i = 1, 100000 do math.sin(i) end return 1")
	for name, client := range map[string]redis.UniversalClient{"the journal's": b.Redis, "the queues'": b.Queues} {
		// The client then knows the servers, and the server the script.
		if err := slow.Run(t.Context(), client, []string{"k"}).Err(); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := slow.Run(t.Context(), client, []string{"k"}).Err(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := client.PoolStats().TotalConns; n > 20 {
			t.Errorf("%s scripts took %d connections", name, n)
		}
	}
}
