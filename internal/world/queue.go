package world

import (
	"context"
	"errors"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/tasks"
)

// ErrNoTask says that there is no such task on any queue.
var ErrNoTask = errors.New("world: no such task")

// How asynq's servers treat tasks whose worker is gone.
const (
	taskLease   = 30 * time.Second
	recoverLate = time.Minute // the recoverer comes once a minute
	forwardEach = time.Second // asynq counts in seconds, so a task may come a second early, and then again
)

// What asynq v0.26 does when it takes a task, ends one, and brings those back
// whose time has come. KEYS[1] is the queue's prefix; ARGV[1] the task's id.
var (
	takeTask = redis.NewScript(`
local q, id = KEYS[1], ARGV[1]
if redis.call('LREM', q .. 'pending', 0, id) == 0 then return 0 end
redis.call('LPUSH', q .. 'active', id)
redis.call('HSET', q .. 't:' .. id, 'state', 'active')
redis.call('ZADD', q .. 'lease', ARGV[2], id)
return 1`)

	endTask = redis.NewScript(`
local q, id, state = KEYS[1], ARGV[1], ARGV[2]
if redis.call('LREM', q .. 'active', 0, id) == 0 then return 0 end
redis.call('ZREM', q .. 'lease', id)
redis.call('ZADD', q .. state, ARGV[3], id)
redis.call('HSET', q .. 't:' .. id, 'state', state)
return 1`)

	forwardTasks = redis.NewScript(`
local q, n = KEYS[1], 0
local function pend(id)
  redis.call('LPUSH', q .. 'pending', id)
  redis.call('HSET', q .. 't:' .. id, 'state', 'pending')
  n = n + 1
end
for _, state in ipairs({ 'scheduled', 'retry' }) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', q .. state, '-inf', ARGV[1])) do
    redis.call('ZREM', q .. state, id)
    pend(id)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', q .. 'lease', '-inf', ARGV[2])) do
  redis.call('ZREM', q .. 'lease', id)
  redis.call('LREM', q .. 'active', 0, id)
  pend(id)
end
return n`)
)

func queuePrefix(queue string) string { return "asynq:{" + queue + "}:" }

func (w *World) queues() []string {
	var names []string
	for _, c := range w.Config.Providers {
		names = append(names, tasks.Queues(c.Name)...)
	}
	return names
}

// task finds the task of a refund; nil if there is none.
func (w *World) task(id string) *asynq.TaskInfo {
	for _, queue := range w.queues() {
		if info, err := w.inspector.GetTaskInfo(queue, id); err == nil {
			return info
		}
	}
	return nil
}

// forward does what asynq's servers do by the clock, in any process.
func (w *World) forward() {
	now := time.Now()
	if now.Sub(w.forwarded) < forwardEach {
		return
	}
	w.forwarded = now
	for _, queue := range w.queues() {
		prefix := queuePrefix(queue)
		if !w.Redis.Exists(prefix+"scheduled") && !w.Redis.Exists(prefix+"retry") && !w.Redis.Exists(prefix+"lease") {
			continue
		}
		err := forwardTasks.Run(context.Background(), w.raw, []string{prefix}, now.Unix(), now.Add(-recoverLate).Unix()).Err()
		if err != nil {
			panic(err)
		}
	}
}

// Put puts a payload on a queue as a producer would that never asked.
func (w *World) Put(queue, taskID string, payload []byte) {
	client := asynq.NewClientFromRedisClient(w.raw)
	_, err := client.Enqueue(asynq.NewTask(tasks.Type, payload), asynq.TaskID(taskID), asynq.Queue(queue), asynq.MaxRetry(25), asynq.Timeout(time.Hour))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		panic(err)
	}
}

// Drop deletes a refund's task, as a person may on asynq's web page.
func (w *World) Drop(id string) {
	if info := w.task(id); info != nil {
		if err := w.inspector.DeleteTask(info.Queue, id); err != nil {
			panic(err)
		}
	}
}

// pending finds the task that asynq would hand out next; nil if there is none.
func (w *World) pending() *asynq.TaskInfo {
	for _, queue := range w.queues() {
		ids, err := w.Redis.List(queuePrefix(queue) + "pending")
		if err != nil || len(ids) == 0 {
			continue
		}
		if info, err := w.inspector.GetTaskInfo(queue, ids[len(ids)-1]); err == nil {
			return info
		}
	}
	return nil
}

// Work takes the next pending task and handles it, as one of the process's
// asynq servers would. It reports whether there was one; what handling it came
// to is with the task.
func (p *Process) Work() (bool, error) {
	p.world.forward()
	info := p.world.pending()
	if info == nil {
		return false, nil
	}
	taken := false
	err := p.Do(func(ctx context.Context) error {
		var err error
		if taken, err = p.take(info); taken {
			_ = p.handle(ctx, info)
		}
		return err
	})
	return taken, err
}

// take takes a pending task; false: somebody else has it, or Redis is away.
func (p *Process) take(info *asynq.TaskInfo) (bool, error) {
	taken := false
	err := p.move("take", takeTask, &taken, info, time.Now().Add(taskLease).Unix())
	return taken, err
}

// handle handles a task and tells asynq how that went.
func (p *Process) handle(ctx context.Context, info *asynq.TaskInfo) error {
	within, cancel := context.WithTimeout(ctx, info.Timeout)
	defer cancel()
	task := asynq.NewTaskWithHeaders(info.Type, info.Payload, info.Headers)
	err := p.Processor.Handle(within, task)
	outcome := err
	if within.Err() != nil {
		outcome = within.Err() // asynq listens to nothing else then
	}
	state, at := "completed", time.Now().Add(info.Retention)
	switch {
	case errors.Is(outcome, asynq.SkipRetry):
		state, at = "archived", time.Now()
	case outcome != nil:
		state, at = "retry", time.Now().Add(p.Processor.RetryDelay(info.Retried, outcome, task))
	}
	ended := false
	if failed := p.move(state, endTask, &ended, info, state, at.Unix()); failed != nil && err == nil {
		err = failed
	}
	return err
}

// move makes one of asynq's moves of a task; done is whether it was as asynq
// thought.
func (p *Process) move(what string, script *redis.Script, done *bool, info *asynq.TaskInfo, args ...any) error {
	*done = false
	return p.meet(Step{Label: "asynq " + what, Write: true},
		func(extent) error {
			ok, err := script.Run(context.Background(), p.world.raw, []string{queuePrefix(info.Queue)}, append([]any{info.ID}, args...)...).Bool()
			*done = ok
			return err
		},
		func(err error) error {
			*done = false
			return err
		})
}
