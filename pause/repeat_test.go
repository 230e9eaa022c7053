package pause_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/pause"
)

// twice runs every command twice and gives the second reply, as a client does
// whose first reply is lost.
type twice struct{}

func (twice) DialHook(next redis.DialHook) redis.DialHook { return next }

func (twice) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (twice) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := next(ctx, cmd); err != nil {
			return err
		}
		return next(ctx, cmd)
	}
}

func TestALostReplyDoesNotLoseTheTrialCall(t *testing.T) {
	b := newBench(t)
	b.report(badKey)
	b.after(time.Second)
	rdb := redis.NewClient(&redis.Options{Addr: b.mr.Addr()})
	defer rdb.Close()
	rdb.AddHook(twice{})
	if p, err := pause.New(rdb).Enter(ctx, provider, 0); err != nil || !p.Probe {
		t.Errorf("Enter = %+v, %v; want the trial call", p, err)
	}
	b.closed(pause.ReasonCredentials, time.Second)
}
