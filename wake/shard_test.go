package wake_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/wake"
)

// A server of a cluster that does not answer keeps the tasks of its own queues
// from being found, and not those of the others, even if it is the one that would
// tell of them.
func TestAServerThatDoesNotAnswerKeepsNoOthersTasks(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	addrs := make([]string, len(cluster.Servers))
	for i, s := range cluster.Servers {
		addrs[i] = s.Addr
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true, MaxRedirects: 5})
	t.Cleanup(func() { _ = rdb.Close() })
	rdb.AddHook(noHeartbeats{})
	frozen := cluster.Owner(t, cluster.Slot(t, wake.Channel))
	var far, near string
	for _, q := range []string{"a", "b", "c", "d", "e"} {
		if cluster.Owner(t, cluster.Slot(t, "{"+q+"}")) == frozen {
			far = q
		} else {
			near = q
		}
	}
	handler, began := starts()
	bell := listen(t, rdb)
	client := asynq.NewClientFromRedisClient(rdb)
	for _, q := range []string{far, near} {
		defer run(t, bell, q, 1, handler)()
		enqueue(t, client, q)
		await(t, began, "the task of "+q)
	}
	frozen.Freeze(t)
	defer frozen.Thaw(t)
	for range 3 {
		enqueue(t, client, near)
		await(t, began, "a task whose server answers")
		time.Sleep(100 * time.Millisecond) // the queue is found empty
	}
}

// noHeartbeats leaves out what asynq's servers say of themselves: it lies
// anywhere in a cluster, and they start no task while they can't say it.
type noHeartbeats struct{}

func (noHeartbeats) DialHook(next redis.DialHook) redis.DialHook { return next }

func (noHeartbeats) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		for _, arg := range cmd.Args() {
			if key, ok := arg.(string); ok && (strings.HasPrefix(key, "asynq:servers") || strings.HasPrefix(key, "asynq:workers")) {
				return nil
			}
		}
		return next(ctx, cmd)
	}
}

func (noHeartbeats) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
