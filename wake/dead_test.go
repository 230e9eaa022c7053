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
		die := func(queue, id string) { // in the middle of it, minutes ago
			t.Helper()
			if _, err := client.Enqueue(asynq.NewTask("t", nil), asynq.Queue(queue), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
			key := "asynq:{" + queue + "}:"
			for _, err := range []error{
				rdb.LRem(t.Context(), key+"pending", 0, id).Err(), rdb.LPush(t.Context(), key+"active", id).Err(),
				rdb.ZAdd(t.Context(), key+"lease", redis.Z{Score: float64(time.Now().Add(-2 * time.Minute).Unix()), Member: id}).Err(),
				rdb.HSet(t.Context(), key+"t:"+id, "state", "active").Err(),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 20 {
			die("q", strconv.Itoa(i))
			die("bulk", strconv.Itoa(i))
		}
		seen := &calls{}
		rdb.AddHook(seen)
		bell := wake.New(rdb, wake.Options{})
		shared := bell.Client(nil, "q", "bulk")
		ran := make(chan string, 100)
		var servers []*asynq.Server
		defer func() {
			bell.Stop()
			for _, server := range servers {
				server.Shutdown()
			}
		}()
		start := func() {
			server := asynq.NewServerFromRedisClient(shared, asynq.Config{Queues: map[string]int{"q": 2, "bulk": 1}, StrictPriority: true, Concurrency: 20,
				LogLevel: asynq.FatalLevel, RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Second }})
			if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
				ran <- task.ResultWriter().TaskID()
				time.Sleep(3 * time.Second)
				return nil
			})); err != nil {
				t.Fatal(err)
			}
			servers = append(servers, server)
		}
		check := func(when string, tasks, looks int) {
			t.Helper()
			back, looked := map[string]int{}, 0
			for _, cmd := range seen.take() {
				switch {
				case len(cmd.Args()) < 2:
				case cmd.Args()[1] == wake.RetrySHA:
					back[keysOf(cmd)[0]]++
				case cmd.Args()[1] == wake.ExpiredSHA:
					looked++
				}
			}
			for task, n := range back {
				if n != 1 {
					t.Errorf("%s: %s was brought back %d times", when, task, n)
				}
			}
			if len(back) != tasks || len(ran) != tasks || looks >= 0 && looked != looks {
				t.Errorf("%s: %d tasks were brought back and %d ran, want %d; %d looks, want %d", when, len(back), len(ran), tasks, looked, looks)
			}
			for range len(ran) {
				<-ran
			}
		}

		// They look ten seconds after one another: at 0, 10, 20 and 30, 60, 70, …
		begun := time.Now()
		until := func(seconds time.Duration) { time.Sleep(seconds*time.Second - time.Since(begun)) }
		for i := range 4 {
			until(time.Duration(10 * i))
			start()
		}
		until(45)
		check("at the start", 40, 2)
		die("q", "late")
		die("bulk", "late")
		until(105)
		check("a minute later", 2, 2)
		die("bulk", "after trouble")
		until(115)
		m.SetError("LOADING")
		until(125) // the one whose turn it is finds out nothing
		m.SetError("")
		seen.take()
		until(145)
		check("the next one's turn", 1, 2)
	})
}
