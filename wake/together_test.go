package wake_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/wake"
)

// noted keeps scripts back and says that they are done.
type noted struct{ scripts []*redis.Cmd }

func (n *noted) DialHook(next redis.DialHook) redis.DialHook { return next }

func (n *noted) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		script, ok := cmd.(*redis.Cmd)
		if !ok || cmd.Name() != "evalsha" {
			return next(ctx, cmd)
		}
		script.SetVal(int64(1))
		n.scripts = append(n.scripts, script)
		return nil
	}
}

func (n *noted) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// notedOf is one more client of the server, whose scripts are kept back.
func notedOf(t *testing.T, rdb *redis.Client) (*redis.Client, *noted) {
	client, n := redis.NewClient(rdb.Options()), &noted{}
	client.AddHook(n)
	t.Cleanup(func() { _ = client.Close() })
	return client, n
}

func TestTasksThatTravelTogetherArriveAsOneByOne(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		sub := rdb.Subscribe(t.Context(), wake.Channel)
		defer sub.Close()
		said := sub.Channel()
		synctest.Wait()
		keeping, n := notedOf(t, rdb)
		put := func(client redis.UniversalClient, id, queue string, o ...asynq.Option) {
			t.Helper()
			_, err := asynq.NewClientFromRedisClient(wake.Announcing(client)).Enqueue(asynq.NewTask("t", []byte(id)), append(o, asynq.Queue(queue), asynq.TaskID(id))...)
			if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
				t.Fatal(err)
			}
		}
		ids := []string{"x", "y", "x", "z"}
		for _, id := range ids {
			put(rdb, id, "one")
			put(keeping, id, "all")
		}
		put(rdb, "old", "other") // so that nobody has to be told of the next
		put(keeping, "new", "other")
		put(keeping, "later", "all", asynq.ProcessIn(time.Hour)) // by another script
		for _, again := range []bool{false, true} {
			var answers []any
			wake.EnqueueTogether(t.Context(), rdb, n.scripts)
			for _, script := range n.scripts {
				answer, err := script.Result()
				if err != nil {
					// Nobody has sent asynq's own scheduling script with its text.
					if script == n.scripts[5] && redis.HasErrorPrefix(err, "NOSCRIPT") {
						continue
					}
					t.Fatal(err)
				}
				answers = append(answers, answer)
			}
			want := []any{int64(1), int64(1), int64(0), int64(1), int64(1)}
			if again {
				want = []any{int64(0), int64(0), int64(0), int64(0), int64(0)}
			}
			if !slices.Equal(answers, want) {
				t.Errorf("again %t: answers %v, want %v", again, answers, want)
			}
		}
		for _, id := range ids {
			one, all := rdb.HGetAll(t.Context(), "asynq:{one}:t:"+id).Val(), rdb.HGetAll(t.Context(), "asynq:{all}:t:"+id).Val()
			if len(one) != 3 || len(all) != 3 || all["state"] != one["state"] || len(all["msg"]) != len(one["msg"]) || all["pending_since"] != one["pending_since"] {
				t.Errorf("task %s is %v, want %v", id, all, one)
			}
		}
		one, all := rdb.LRange(t.Context(), "asynq:{one}:pending", 0, -1).Val(), rdb.LRange(t.Context(), "asynq:{all}:pending", 0, -1).Val()
		if len(one) != 3 || !slices.Equal(all, one) {
			t.Errorf("pending are %v, want %v", all, one)
		}
		synctest.Wait()
		var heard []string
		for len(said) > 0 {
			if payload := (<-said).Payload; !strings.Contains(payload, " ") { // nor the wait of the one for later
				heard = append(heard, payload)
			}
		}
		if want := []string{"one", "other", "all"}; !slices.Equal(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}
	})
}

// A server that is asked by another user, or has other data, may say anything.
func TestTasksWithoutAnAnswerAreErrors(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		keeping, n := notedOf(t, rdb)
		client := asynq.NewClientFromRedisClient(wake.Announcing(keeping))
		for _, id := range []string{"x", "y"} {
			if _, err := client.Enqueue(asynq.NewTask("t", nil), asynq.Queue("q"), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
		}
		rdb.Set(t.Context(), "asynq:{q}:pending", "no list", 0)
		wake.EnqueueTogether(t.Context(), rdb, n.scripts)
		for _, script := range n.scripts {
			if err := script.Err(); err == nil {
				t.Errorf("%v has no error", script)
			}
		}
	})
}

// A call with more of them than Lua hands to a command at once.
func TestThousandsOfTasksTravelTogetherInTheirOrder(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		keeping, n := notedOf(t, rdb)
		client := asynq.NewClientFromRedisClient(wake.Announcing(keeping))
		var want []string
		for i := range 2500 {
			id := strconv.Itoa(i)
			if _, err := client.Enqueue(asynq.NewTask("t", nil), asynq.Queue("q"), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
			want = append(want, id)
		}
		wake.EnqueueTogether(t.Context(), rdb, n.scripts)
		for _, script := range n.scripts {
			if got, err := script.Result(); err != nil || got != int64(1) {
				t.Fatal(got, err)
			}
		}
		slices.Reverse(want) // asynq takes from the end
		if got := rdb.LRange(t.Context(), "asynq:{q}:pending", 0, -1).Val(); !slices.Equal(got, want) {
			t.Errorf("%d in line: %.5v…", len(got), got)
		}
	})
}
