package wake_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/wake"
)

// An asynq that asks with other scripts, keys or arguments than these must not
// be taken up before package wake knows them.
func TestAsynqsScriptsAreTheKnownOnes(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		seen := &calls{}
		rdb.AddHook(seen)
		client, inspector := asynq.NewClientFromRedisClient(rdb), asynq.NewInspectorFromRedisClient(rdb)
		put := func(id string, o ...asynq.Option) {
			if _, err := client.Enqueue(asynq.NewTask("t", nil), append(o, asynq.Queue("q"), asynq.TaskID(id), asynq.MaxRetry(5))...); err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		put("c", asynq.Retention(time.Hour))
		put("d", asynq.Retention(time.Hour), asynq.Unique(time.Hour))
		put("b", asynq.ProcessIn(time.Hour))
		if err := inspector.RunTask("q", "b"); err != nil {
			t.Fatal(err)
		}
		server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{"q": 1}, Concurrency: 1, LogLevel: asynq.FatalLevel,
			RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Minute }})
		if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
			if id := task.ResultWriter().TaskID(); id == "c" || id == "d" {
				return nil
			}
			return errors.New("later")
		})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		server.Shutdown()
		synctest.Wait()

		const task, pending = "asynq:{q}:t:a", "asynq:{q}:pending"
		shapes := map[string]struct {
			keys []string
			args int
			unix int // the argument that is a Unix time; 0: none
		}{
			wake.EnqueueSHA:        {[]string{task, pending}, 3, 0},
			wake.ScheduleSHA:       {[]string{"asynq:{q}:t:b", "asynq:{q}:scheduled"}, 3, 1},
			wake.RunTaskSHA:        {[]string{"asynq:{q}:t:b", pending, "asynq:{q}:groups"}, 3, 0},
			wake.DequeueSHA:        {[]string{pending, "asynq:{q}:paused", "asynq:{q}:active", "asynq:{q}:lease"}, 2, 0},
			wake.ExpiredSHA:        {[]string{"asynq:{q}:lease"}, 2, 0},
			wake.ForwardSHA:        {[]string{"asynq:{q}:scheduled", pending}, 4, 0},
			wake.CompleteSHA:       {[]string{"asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:completed", "asynq:{q}:t:c"}, 5, 0},
			wake.CompleteUniqueSHA: {[]string{"asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:completed", "asynq:{q}:t:d"}, 5, 0},
			wake.RetrySHA:          {[]string{task, "asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:retry"}, 6, 2},
		}
		for _, cmd := range seen.take() {
			if cmd.Name() != "evalsha" {
				continue
			}
			want, known := shapes[cmd.Args()[1].(string)]
			if !known {
				continue
			}
			keys, args := keysOf(cmd), cmd.Args()[3+cmd.Args()[2].(int):]
			if len(keys) < len(want.keys) || !slices.Equal(keys[:len(want.keys)], want.keys) || len(args) != want.args {
				t.Errorf("a script was called with keys %v and %d arguments, want %v and %d", keys, len(args), want.keys, want.args)
			}
			if want.unix > 0 {
				if _, ok := args[want.unix].(int64); !ok {
					t.Errorf("argument %d of a script over %v is %T, want a Unix time as int64", want.unix, keys, args[want.unix])
				}
			}
			delete(shapes, cmd.Args()[1].(string))
		}
		for sha, shape := range shapes {
			t.Errorf("asynq never called script %s over %v", sha, shape.keys)
		}
	})
}

func TestAnnouncingEnqueuesAsAsynqDoes(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		plain, announcing := asynq.NewClientFromRedisClient(rdb), asynq.NewClientFromRedisClient(wake.Announcing(rdb))
		for _, one := range []struct {
			client *asynq.Client
			queue  string
		}{{plain, "p"}, {announcing, "a"}} {
			for range 2 {
				_, err := one.client.Enqueue(asynq.NewTask("t", []byte("{}")), asynq.Queue(one.queue), asynq.TaskID("x"))
				if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
					t.Fatal(err)
				}
			}
			if _, err := one.client.Enqueue(asynq.NewTask("t", []byte("{}")), asynq.Queue(one.queue), asynq.TaskID("y")); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"x", "y"} {
			p, a := rdb.HGetAll(t.Context(), "asynq:{p}:t:"+id).Val(), rdb.HGetAll(t.Context(), "asynq:{a}:t:"+id).Val()
			if len(p) != 3 || len(a) != len(p) || a["state"] != p["state"] || len(a["msg"]) != len(p["msg"]) || a["pending_since"] != p["pending_since"] {
				t.Errorf("task %s is %v, want as asynq's own %v", id, a, p)
			}
		}
		if got := rdb.LRange(t.Context(), "asynq:{a}:pending", 0, -1).Val(); !slices.Equal(got, []string{"y", "x"}) {
			t.Errorf("pending are %v", got)
		}
	})
}

func TestOnlyWhatEndsAnEmptyQueueIsAnnounced(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		sub := rdb.Subscribe(t.Context(), wake.Channel)
		defer sub.Close()
		said := sub.Channel()
		synctest.Wait()
		client, inspector := asynq.NewClientFromRedisClient(wake.Announcing(rdb)), asynq.NewInspectorFromRedisClient(wake.Announcing(rdb))
		hear := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for len(said) > 0 {
				got = append(got, (<-said).Payload)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: heard %q, want %q", what, got, want)
			}
		}
		put := func(id string, o ...asynq.Option) {
			t.Helper()
			if _, err := client.Enqueue(asynq.NewTask("t", nil), append(o, asynq.Queue("q"), asynq.TaskID(id))...); err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
				t.Fatal(err)
			}
		}
		put("a")
		hear("the first task", "q")
		put("a")
		hear("the same task again")
		put("b")
		hear("a second task")
		at := time.Now().Add(time.Hour)
		put("c", asynq.ProcessAt(at))
		hear("a task that waits", "q "+strconv.FormatInt(at.Unix(), 10))
		if err := inspector.RunTask("q", "c"); err != nil {
			t.Fatal(err)
		}
		hear("a task that waits no more", "q")
	})
}
