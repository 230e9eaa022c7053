package tasks

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// settleHook lets asynq finish what it has begun. asynq v0.26 repeats a failed
// "done" or "retry" under a context that it has cancelled already (the deferred
// cancel in its processor), so after a blip of Redis every repeat fails, and a
// task that succeeded runs again a minute later. A script under a cancelled
// context gets a short life of its own instead.
type settleHook struct{}

const settleTime = 5 * time.Second

func (settleHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (settleHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if ctx.Err() != nil && strings.HasPrefix(cmd.Name(), "eval") {
			fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
			defer cancel()
			ctx = fresh
		}
		return next(ctx, cmd)
	}
}

func (settleHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
