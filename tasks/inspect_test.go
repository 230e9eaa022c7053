package tasks_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestArchivedTasksAreToldApart(t *testing.T) {
	server := miniredis.RunT(t)
	open := func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: server.Addr()}) }
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ReadFile: func(string) ([]byte, error) {
		return []byte("durability: none\nproviders:\n  unitpay: {driver: unitpay, base_url: \"https://unitpay.ru/api\", secret_key: \"${K}\", one_refund_per_payment: false}\n"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b := tasks.NewBackend(open(), open(), cfg, redisconn.Report{})
	defer b.Close()
	queues := open()
	defer queues.Close()
	client, inspector := asynq.NewClientFromRedisClient(queues), asynq.NewInspectorFromRedisClient(queues)
	if a, err := b.Archived(t.Context(), "unitpay", 10); err != nil || a.Seen != 0 {
		t.Errorf("a queue that nobody used: %+v, %v", a, err)
	}
	for id, to := range map[string]refund.State{"reviewed": refund.Review, "open": refund.Unknown, "final": refund.Canceled, "still-queued": ""} {
		if _, err := tasks.NewEnqueuer(b, cfg).Enqueue(t.Context(), refund.Request{RefundID: id, Provider: "unitpay", PaymentID: "1", Amount: map[string]string{"reviewed": "1.00", "open": "2.00", "final": "3.00", "still-queued": "4.00"}[id], Currency: "RUB"}); err != nil {
			t.Fatal(err)
		}
		rec, err := b.Journal.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if has, err := b.HasTask(rec); err != nil || !has {
			t.Errorf("%s has a task: %v, %v", id, has, err)
		}
		if to == "" {
			continue
		}
		if rec, err = b.Journal.Apply(t.Context(), rec, journal.Step{To: to, NoDue: true, By: "test"}); err != nil {
			t.Fatal(err)
		}
		if err := inspector.ArchiveTask("unitpay", id); err != nil {
			t.Fatal(err)
		}
		if has, err := b.HasTask(rec); err != nil || has {
			t.Errorf("an archived task runs nothing: %v, %v", has, err)
		}
	}
	if _, err := client.Enqueue(asynq.NewTask(tasks.Type, []byte("not JSON")), asynq.Queue("unitpay"), asynq.TaskID("junk")); err != nil {
		t.Fatal(err)
	}
	if err := inspector.ArchiveTask("unitpay", "junk"); err != nil {
		t.Fatal(err)
	}
	a, err := b.Archived(t.Context(), "unitpay", 10)
	if err != nil || a.Seen != 4 || a.InReview != 1 || len(a.Open) != 1 || a.Open[0] != "open" || len(a.Settled) != 1 || a.Settled[0] != "final" || len(a.Unreadable) != 1 || a.Unreadable[0] != "junk" {
		t.Errorf("got %+v, %v", a, err)
	}
}
