package tasks

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/wake"
)

// task is what is put on the queue for a refund.
type task struct {
	rec     *journal.Record
	payload []byte
	timeout time.Duration
}

// putAll puts many tasks on their queues in one round trip: asynq's client is
// made to note its scripts instead of sending them, and they are sent together, those
// of one queue as one.
func (q taskQueue) putAll(ctx context.Context, list []task) error {
	if len(list) == 0 {
		return nil
	}
	var note notebook
	noted := context.WithValue(ctx, noting{}, &note)
	scripts := make([]*redis.Cmd, len(list))
	all := make([]*redis.Cmd, 0, len(list))
	for i, t := range list {
		note.script = nil
		if err := q.put(noted, t.rec, t.payload, t.timeout); err != nil {
			return err
		}
		if scripts[i] = note.script; note.script != nil {
			all = append(all, note.script)
		}
	}
	wake.EnqueueTogether(ctx, q.redis, all)
	for i, t := range list {
		// 0 says that the task is there already, which is as good: see put.
		if scripts[i] == nil || scripts[i].Err() == nil {
			continue
		}
		// A server that does not know the script yet, or any other trouble: asynq
		// gets along with the one, and names the other.
		if err := q.put(ctx, t.rec, t.payload, t.timeout); err != nil {
			return err
		}
	}
	return nil
}

// noting is the key of the notebook in a context.
type noting struct{}

// notebook holds the script by which asynq puts one task on a queue.
type notebook struct{ script *redis.Cmd }

// recordHook notes a script of a context with a notebook, and tells asynq that it
// is done. All other commands are sent.
type recordHook struct{}

func (recordHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (recordHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		note, _ := ctx.Value(noting{}).(*notebook)
		script, ok := cmd.(*redis.Cmd)
		if note == nil || !ok || cmd.Name() != "evalsha" {
			return next(ctx, cmd)
		}
		note.script = script
		script.SetVal(int64(1))
		return nil
	}
}

func (recordHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
