package wake_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/wake"
)

func TestAResultIsWrittenWithTheEndOfItsTask(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		seen := &calls{}
		rdb.AddHook(seen)
		handler := func(_ context.Context, task *asynq.Task) error {
			_, err := task.ResultWriter().Write([]byte("paid"))
			return err
		}
		server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{"p": 1}, Concurrency: 1, LogLevel: asynq.FatalLevel})
		if err := server.Start(asynq.HandlerFunc(handler)); err != nil {
			t.Fatal(err)
		}
		stop := run(t, listen(t, rdb), "a", 1, handler)
		for _, queue := range []string{"p", "a"} {
			for _, id := range []string{"x", "y"} {
				enqueue(t, asynq.NewClientFromRedisClient(rdb), queue, asynq.TaskID(id), asynq.Retention(time.Hour))
			}
			enqueue(t, asynq.NewClientFromRedisClient(rdb), queue, asynq.TaskID("u"), asynq.Retention(time.Hour), asynq.Unique(time.Hour))
		}
		time.Sleep(5 * time.Second)
		server.Shutdown()
		stop()

		for _, cmd := range seen.take() {
			if args := cmd.Args(); cmd.Name() == "hset" && len(args) > 2 && args[2] == "result" && !strings.HasPrefix(fmt.Sprint(args[1]), "asynq:{p}:") {
				t.Errorf("the result had a trip of its own: %v", cmd)
			}
		}
		state := func(queue string) map[string]any {
			prefix := "asynq:{" + queue + "}:"
			all := map[string]any{}
			for _, id := range []string{"x", "y", "u"} {
				task := rdb.HGetAll(t.Context(), prefix+"t:"+id).Val()
				all[id] = []any{task["state"], task["result"], slices.Sorted(maps.Keys(task))}
			}
			ended := rdb.ZRange(t.Context(), prefix+"completed", 0, -1).Val()
			day := prefix + "processed:" + time.Now().UTC().Format(time.DateOnly)
			all["counts"] = []any{rdb.Get(t.Context(), day).Val(), rdb.TTL(t.Context(), day).Val() > 0, rdb.Get(t.Context(), prefix+"processed").Val()}
			all["locks"] = len(rdb.Keys(t.Context(), prefix+"unique:*").Val())
			all["sets"] = []any{ended, rdb.LLen(t.Context(), prefix+"active").Val(), rdb.ZCard(t.Context(), prefix+"lease").Val()}
			return all
		}
		if p, a := fmt.Sprint(state("p")), fmt.Sprint(state("a")); a != p || state("p")["u"].([]any)[1] != "paid" {
			t.Errorf("left behind\n%s, asynq leaves\n%s", a, p)
		}
	})
}

// failing fails the calls that it is told to, before or after they arrive.
type failing struct {
	calls
	told atomic.Pointer[failure] // nil: none
}

type failure struct {
	err   error
	after bool
}

func (f *failing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		told := f.told.Load()
		if told == nil {
			return next(ctx, cmd)
		}
		if told.after {
			_ = next(ctx, cmd)
		}
		cmd.SetErr(told.err)
		return told.err
	}
}

// refusal is an error that Redis answers with.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

func TestAResultIsKeptUntilItsTaskEnds(t *testing.T) {
	lost := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for name, one := range map[string]struct {
		err   error
		after bool
		again string // what asynq's repeat is answered; empty: that it is done
	}{
		"the end did not arrive":      {lost, false, ""},
		"Redis could not yet":         {refusal("LOADING Redis is loading the dataset in memory"), false, ""},
		"the answer to it was lost":   {lost, true, "NOT FOUND"},
		"it is another worker's task": {lost, false, "NOT FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
				ctx := t.Context()
				hook := &failing{}
				rdb.AddHook(hook)
				c := listen(t, rdb).Client(nil, "q")
				end := func() error {
					return c.EvalSha(ctx, wake.CompleteSHA, []string{"asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:completed", "asynq:{q}:t:x",
						"asynq:{q}:processed:2026-01-01", "asynq:{q}:processed"}, "x", time.Now().Add(time.Hour).Unix(), int64(7), "message", int64(math.MaxInt64)).Err()
				}
				c.HSet(ctx, "asynq:{q}:t:x", "result", []byte("an earlier one"))
				_ = end() // from now on Redis knows the script
				if name != "it is another worker's task" {
					rdb.LPush(ctx, "asynq:{q}:active", "x")
					rdb.ZAdd(ctx, "asynq:{q}:lease", redis.Z{Score: 1, Member: "x"})
				}
				if err := c.HSet(ctx, "asynq:{q}:t:x", "result", []byte("paid")).Err(); err != nil {
					t.Fatal(err)
				}
				hook.told.Store(&failure{one.err, one.after})
				if err := end(); !errors.Is(err, one.err) {
					t.Fatalf("%v", err)
				}
				hook.told.Store(nil)
				if err := end(); (one.again == "") != (err == nil) || err != nil && err.Error() != one.again {
					t.Errorf("the repeat: %v, want %q", err, one.again)
				}
				want := "paid"
				if name == "it is another worker's task" {
					want = ""
				}
				if got := rdb.HGet(ctx, "asynq:{q}:t:x", "result").Val(); got != want {
					t.Errorf("the result is %q, want %q", got, want)
				}
			})
		})
	}
}

func TestResultsWhoseTasksNeverEndAreNotKeptForEver(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		c := listen(t, rdb).Client(nil, "q")
		for i := range wake.MostResults + 10 {
			if err := c.HSet(t.Context(), fmt.Sprintf("asynq:{q}:t:%d", i), "result", []byte("paid")).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if written := len(rdb.Keys(t.Context(), "asynq:{q}:t:*").Val()); written != 10 {
			t.Errorf("%d results were written at once, want the 10 beyond the bound", written)
		}
	})
}

func TestAResultGoesHoweverItsTaskEnds(t *testing.T) {
	for name, one := range map[string]struct {
		options []asynq.Option
		fails   error
	}{
		"it is forgotten at once":         {nil, nil},
		"it is forgotten at once, unique": {[]asynq.Option{asynq.Unique(time.Hour)}, nil},
		"it comes again":                  {[]asynq.Option{asynq.Retention(time.Hour)}, errors.New("1h")},
		"it is archived":                  {[]asynq.Option{asynq.Retention(time.Hour)}, asynq.SkipRetry},
	} {
		t.Run(name, func(t *testing.T) {
			onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
				bell, ran := listen(t, rdb), false
				stop := run(t, bell, "q", 1, func(_ context.Context, task *asynq.Task) error {
					ran = true
					if _, err := task.ResultWriter().Write([]byte("paid")); err != nil {
						return err
					}
					return one.fails
				})
				enqueue(t, asynq.NewClientFromRedisClient(rdb), "q", one.options...)
				time.Sleep(5 * time.Second)
				stop()
				if n := wake.Kept(bell); n != 0 || !ran {
					t.Errorf("%d results wait for ever (it ran: %v)", n, ran)
				}
			})
		})
	}
}
