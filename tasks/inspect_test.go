package tasks_test

import (
	"context"
	"testing"
	"time"

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

// backendOn is a backend on a Redis of its own, and one more connection to that.
func backendOn(t *testing.T) (*tasks.Backend, *config.Config, redis.UniversalClient) {
	t.Helper()
	server := miniredis.RunT(t)
	open := func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: server.Addr()}) }
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ReadFile: func(string) ([]byte, error) {
		return []byte("durability: none\nproviders:\n  unitpay: {driver: unitpay, base_url: \"https://unitpay.ru/api\", secret_key: \"${K}\", one_refund_per_payment: false}\n"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b, queues := tasks.NewBackend(open(), open(), cfg, redisconn.Report{}), open()
	t.Cleanup(func() { _, _ = b.Close(), queues.Close() })
	return b, cfg, queues
}

func TestArchivedTasksAreToldApart(t *testing.T) {
	b, cfg, queues := backendOn(t)
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

// The sweeper goes by what asynq keeps about a task that runs.
func TestAsynqTellsWhenARunningTasksWorkerWasHeardOf(t *testing.T) {
	b, _, queues := backendOn(t)
	client, inspector := asynq.NewClientFromRedisClient(queues), asynq.NewInspectorFromRedisClient(queues)
	server := asynq.NewServerFromRedisClient(queues, asynq.Config{Queues: map[string]int{"unitpay": 1}, Concurrency: 1, LogLevel: asynq.FatalLevel})
	running, end := make(chan struct{}), make(chan struct{})
	err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		close(running)
		<-end
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	heard := func() (asynq.TaskState, time.Time) {
		info, err := inspector.GetTaskInfo("unitpay", "r-1")
		if err != nil {
			t.Fatal(err)
		}
		at, err := b.Heard(t.Context(), info)
		if err != nil {
			t.Fatal(err)
		}
		return info.State, at
	}
	before := time.Now().Truncate(time.Second)
	if _, err := client.Enqueue(asynq.NewTask(tasks.Type, nil), asynq.TaskID("r-1"), asynq.Queue("unitpay"), asynq.Retention(time.Hour)); err != nil {
		t.Fatal(err)
	}
	<-running
	if state, at := heard(); state != asynq.TaskStateActive || at.Before(before) || at.After(time.Now()) {
		t.Errorf("%s, heard of at %s, it began after %s", state, at, before)
	}
	close(end)
	server.Shutdown()
	if state, at := heard(); state != asynq.TaskStateCompleted || !at.IsZero() {
		t.Errorf("%s, and still heard of at %s", state, at)
	}
}
