package wake_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/wake"
)

// Each server would bring all of them back, and a late one take away what runs again.
func TestOneServerBringsDeadWorkersTasksBack(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		client := asynq.NewClientFromRedisClient(rdb)
		die := func(id string) { // in the middle of it, minutes ago
			t.Helper()
			if _, err := client.Enqueue(asynq.NewTask("t", nil), asynq.Queue("q"), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				rdb.LRem(t.Context(), "asynq:{q}:pending", 0, id).Err(), rdb.LPush(t.Context(), "asynq:{q}:active", id).Err(),
				rdb.ZAdd(t.Context(), "asynq:{q}:lease", redis.Z{Score: float64(time.Now().Add(-2 * time.Minute).Unix()), Member: id}).Err(),
				rdb.HSet(t.Context(), "asynq:{q}:t:"+id, "state", "active").Err(),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 20 {
			die(strconv.Itoa(i))
		}
		seen := &calls{}
		rdb.AddHook(seen)
		bell := wake.New(rdb, wake.Options{})
		shared := bell.Client(nil, "q")
		ran := make(chan string, 100)
		for range 4 {
			server := asynq.NewServerFromRedisClient(shared, asynq.Config{Queues: map[string]int{"q": 1}, Concurrency: 8,
				LogLevel: asynq.FatalLevel, RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Second }})
			if err := server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
				ran <- task.ResultWriter().TaskID()
				time.Sleep(3 * time.Second)
				return nil
			})); err != nil {
				t.Fatal(err)
			}
			defer server.Shutdown()
		}
		defer bell.Stop()
		check := func(when string, tasks int) {
			t.Helper()
			back, listed := map[string]int{}, 0
			for _, cmd := range seen.take() {
				switch keys := keysOf(cmd); {
				case len(cmd.Args()) < 2:
				case cmd.Args()[1] == wake.RetrySHA:
					back[keys[0]]++
				case cmd.Args()[1] == wake.ExpiredSHA:
					listed++
				}
			}
			for task, n := range back {
				if n != 1 {
					t.Errorf("%s: %s was brought back %d times", when, task, n)
				}
			}
			if len(back) != tasks || len(ran) != tasks || listed == 0 {
				t.Errorf("%s: %d tasks were brought back and %d run, want %d; %d looks", when, len(back), len(ran), tasks, listed)
			}
			for range len(ran) {
				<-ran
			}
		}
		time.Sleep(30 * time.Second)
		check("at the start", 20)
		die("late")
		time.Sleep(70 * time.Second)
		check("a minute later", 1)
		m.SetError("LOADING")
		time.Sleep(2 * time.Minute)
		m.SetError("")
		seen.take()
		die("after trouble")
		time.Sleep(70 * time.Second)
		check("after trouble", 1)
	})
}
