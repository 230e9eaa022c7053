package wake

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"refundworker/redisconn"
)

// client is what the asynq servers of one provider ask Redis with.
type client struct {
	redis.UniversalClient
	bell    *Bell
	pending *pending
	delayed *delayed
	dead    dead
	results results
}

func (c *client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, sha, keys, args, func(on redis.Cmdable) *redis.Cmd { return on.EvalSha(ctx, sha, keys, args...) })
}

func (c *client) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, digest(script), keys, args, func(on redis.Cmdable) *redis.Cmd { return on.Eval(ctx, script, keys, args...) })
}

func (c *client) run(ctx context.Context, sha string, keys []string, args []any, send func(redis.Cmdable) *redis.Cmd) *redis.Cmd {
	switch sha {
	case dequeueSHA:
		if q := c.queue(keys[0]); q != nil {
			return c.pending.take(ctx, q, func() *redis.Cmd { return send(c.UniversalClient) })
		}
	case forwardSHA:
		if s := c.set(keys[0]); s != nil {
			return c.delayed.forward(ctx, s, func() (*redis.Cmd, int64) { return c.forward(ctx, s, keys[1], send) })
		}
	case completeSHA, completeUniqueSHA:
		if result, kept := c.results.of(keys[taskOfComplete]); kept {
			return c.complete(ctx, keys, args, result)
		}
	case expiredSHA:
		if cmd, asked := c.dead.look(keys[0], func() *redis.Cmd { return send(c.UniversalClient) }); asked {
			return cmd
		}
		return answer(ctx, []any{}, nil)
	case retrySHA:
		c.ends(keys)
		cmd := send(c.UniversalClient)
		if s := c.set(keys[3]); s != nil {
			if at, ok := args[2].(int64); ok {
				c.delayed.note(s, at) // also where the answer was lost
			}
		}
		return cmd
	default:
		c.ends(keys)
	}
	return send(c.UniversalClient)
}

// ends is told the keys of a script. If it is about a task, that one ends without a
// result, and perhaps without its handler.
func (c *client) ends(keys []string) {
	c.results.drop(keys...)
	for _, key := range keys {
		if _, id, is := strings.Cut(key, "}:t:"); is {
			c.pending.room.Gone(id)
		}
	}
}

// forward moves what is due, and returns the time of the earliest that is not.
func (c *client) forward(ctx context.Context, s *set, pending string, send func(redis.Cmdable) *redis.Cmd) (*redis.Cmd, int64) {
	draft := c.Pipeline() // only words them
	moved, first := send(draft), draft.ZRangeWithScores(ctx, s.key, 0, 0)
	redisconn.Exec(ctx, c.UniversalClient, moved, first)
	if n, err := moved.Int64(); err == nil && n > 0 {
		if q := c.queue(pending); q != nil {
			c.pending.ring(q)
		}
	}
	earliest, err := first.Result()
	switch {
	case err != nil:
		return moved, 0 // not known: it may be due
	case len(earliest) == 0:
		return moved, none
	}
	return moved, int64(earliest[0].Score)
}

func (c *client) queue(key string) *queue {
	for _, q := range c.pending.queues {
		if q.key == key {
			return q
		}
	}
	return nil
}

func (c *client) set(key string) *set {
	for _, s := range c.delayed.sets {
		if s.key == key {
			return s
		}
	}
	return nil
}

// Subscribe keeps asynq's servers from a connection each for the tasks that are
// to be cancelled: the Bell hears of them for all. The server's question waits
// until the end, and then is told that there is no subscription.
func (c *client) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	if len(channels) != 1 || channels[0] != cancelChannel {
		return c.UniversalClient.Subscribe(ctx, channels...)
	}
	select {
	case <-c.bell.stop:
	case <-ctx.Done():
	}
	none := c.UniversalClient.Subscribe(ctx)
	_ = none.Close()
	return none
}
