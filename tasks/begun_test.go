package tasks_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/admission"
	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

// late is a runner during whose writing ahead the task is cancelled. A call that is
// given up is on its way all the same, and arrives when nobody waits for it any more.
type late struct {
	*redisconn.Waiter
	cancel func()
}

func (l late) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	if !slices.Contains(args, any(string(refund.Sending))) {
		return l.Waiter.Run(ctx, key, script, keys, args...)
	}
	l.cancel()
	if ctx.Err() == nil {
		return l.Waiter.Run(ctx, key, script, keys, args...)
	}
	time.AfterFunc(time.Millisecond, func() { _, _ = l.Waiter.Run(context.Background(), key, script, keys, args...) })
	return nil, ctx.Err()
}

func TestATaskThatIsCancelledLeavesNoAttemptThatNobodyMakes(t *testing.T) {
	for name, settings := range map[string][]string{
		"read first":                  {"preflight: false", "rate_limit: 5/s"},
		"begun with reading it":       {"preflight: false"},
		"after a look at the payment": {"preflight: true"},
	} {
		t.Run(name, func(t *testing.T) {
			o := company(world.Company{})
			o.Companies[0].Settings = append(o.Companies[0].Settings, settings...)
			world.Run(t, o, func(w *world.World) {
				p := w.Start("a")
				if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
					w.T.Fatal(err)
				}
				err := p.Do(func(ctx context.Context) error {
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					p.Processor.Journal = journal.New(p.Backend.Redis, late{redisconn.NewWaiter(p.Backend.Redis, "none", time.Second), cancel},
						journal.Options{Gate: admission.GateLua(), Window: w.Config.DedupeWindow, Retention: w.Config.JournalRetention})
					request := asks("r-1", "1.00")
					request.Version = tasks.PayloadVersion
					payload, err := json.Marshal(request)
					if err != nil {
						return err
					}
					return p.Processor.Handle(ctx, asynq.NewTask(tasks.Type, payload))
				})
				time.Sleep(time.Second)
				if rec := w.Records()["r-1"]; err != nil || rec.State != refund.Succeeded {
					w.T.Errorf("%s at %s, %v", rec.State, rec.Due, err)
				}
			})
		})
	}
}
