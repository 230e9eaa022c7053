package wake

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Channel is where it is said that a queue is empty no more: by its name, and
// for a task that has to wait by its name, a space and the Unix time at which
// the wait is over. It is one for all databases of a server; what is heard of
// another one costs a look.
const Channel = "refunds:wake"

// announcer is a client whose tasks are told of.
type announcer struct{ redis.UniversalClient }

// Announcing returns a client of the same connections for an asynq client or
// inspector: what is put on a queue through it is told to all workers, so that
// none has to look for it. Telling is part of the call that enqueues, and where
// Redis forbids it nothing else fails.
func Announcing(rdb redis.UniversalClient) redis.UniversalClient { return announcer{rdb} }

func (a announcer) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if sha == enqueueSHA {
		return enqueueScript.Run(ctx, a.UniversalClient, keys, append(args, Channel, queueOf(keys[0]))...)
	}
	cmd := a.UniversalClient.EvalSha(ctx, sha, keys, args...)
	a.announce(ctx, sha, keys, args, cmd)
	return cmd
}

func (a announcer) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	cmd := a.UniversalClient.Eval(ctx, script, keys, args...)
	a.announce(ctx, digest(script), keys, args, cmd)
	return cmd
}

// announce tells of what is rare and can bear another trip. Its failure costs
// the time until somebody looks.
func (a announcer) announce(ctx context.Context, sha string, keys []string, args []any, cmd *redis.Cmd) {
	if n, err := cmd.Int64(); err != nil || n != 1 {
		return // nothing was put anywhere
	}
	switch sha {
	case runTaskSHA:
		a.Publish(ctx, Channel, queueOf(keys[0]))
	case scheduleSHA:
		if at, ok := args[1].(int64); ok {
			a.Publish(ctx, Channel, queueOf(keys[0])+" "+strconv.FormatInt(at, 10))
		}
	}
}
