package wake

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// mostResults bounds the results that are kept. There is one for each task between
// its handler and its end; only those whose end never came are left over.
const mostResults = 1024

// results are those of tasks that are about to be complete. asynq writes a result
// and then the end of its task; kept until then it needs no trip of its own, and
// with appendfsync always no sync.
type results struct {
	mu   sync.Mutex
	kept map[string][]byte // by the task's key
}

// keep reports whether there was room for one.
func (r *results) keep(task string, result []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.kept[task]; !there && len(r.kept) >= mostResults {
		return false
	}
	if r.kept == nil {
		r.kept = map[string][]byte{}
	}
	r.kept[task] = result
	return true
}

func (r *results) of(task string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result, kept := r.kept[task]
	return result, kept
}

// drop forgets those of tasks; other keys do no harm.
func (r *results) drop(tasks ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, task := range tasks {
		delete(r.kept, task)
	}
}

// HSet keeps a task's result for its end, which comes next.
func (c *client) HSet(ctx context.Context, key string, values ...any) *redis.IntCmd {
	if len(values) == 2 && values[0] == "result" && queueOf(key) != "" {
		if result, ok := values[1].([]byte); ok && c.results.keep(key, result) {
			done := redis.NewIntCmd(ctx)
			done.SetVal(1)
			return done
		}
	}
	return c.UniversalClient.HSet(ctx, key, values...)
}

// complete ends a task together with its result. The result is kept until the task
// has ended or is nobody's: asynq tries again after anything else.
func (c *client) complete(ctx context.Context, keys []string, args []any, result []byte) *redis.Cmd {
	all := make([]any, 0, len(args)+1)
	cmd := completeScript.Run(ctx, c.UniversalClient, keys, append(append(all, args...), result)...)
	if err := cmd.Err(); err == nil || redis.HasErrorPrefix(err, "NOT FOUND") {
		c.results.drop(keys[taskOfComplete])
	}
	return cmd
}
