package tasks_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/admission"
	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// late is a runner during whose writing ahead the task is cancelled. A call that is
// given up is on its way all the same, and arrives when nobody waits for it any more.
type late struct {
	*redisconn.Waiter
	cancel func()
}

func (l late) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	if !beginning(args) {
		return l.Waiter.Run(ctx, key, script, keys, args...)
	}
	l.cancel()
	if ctx.Err() == nil {
		return l.Waiter.Run(ctx, key, script, keys, args...)
	}
	time.AfterFunc(time.Millisecond, func() { _, _ = l.Waiter.Run(context.Background(), key, script, keys, args...) })
	return nil, ctx.Err()
}

// overheard is a runner that lets somebody else in between the beginning of an attempt
// and its answer.
type overheard struct {
	*redisconn.Waiter
	then func() error
}

func (o overheard) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	raw, err := o.Waiter.Run(ctx, key, script, keys, args...)
	if err == nil && beginning(args) {
		err = o.then()
	}
	return raw, err
}

// beginning reports whether a script is told to leave in the history that an attempt
// begins.
func beginning(args []any) bool {
	return slices.ContainsFunc(args, func(arg any) bool {
		entry, _ := arg.(string)
		return strings.HasPrefix(entry, `,"`+string(refund.Sending)+`",`)
	})
}

// The provider can't have the request yet, but whoever has the address may call.
func TestACallbackRightBehindTheBeginningKeepsNobodyFromTheAttempt(t *testing.T) {
	o := company(world.Company{})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p, other := w.Start("a"), w.Start("b")
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		rdb, ok := p.Backend.Redis.(*redis.Client)
		if !ok {
			w.T.Fatalf("%T", p.Backend.Redis)
		}
		called := 0
		run := overheard{redisconn.NewWaiter(rdb, "none", time.Second), func() error {
			called++
			return other.Callback("bank", "r-1")
		}}
		p.Processor.Journal = journal.New(rdb, run, journal.Options{Gate: admission.GateLua(), Window: w.Config.DedupeWindow, Retention: w.Config.JournalRetention})
		if err := p.Deliver("r-1"); err != nil {
			w.T.Error(err)
		}
		rec, calls := w.Records()["r-1"], w.Bank("bank").Calls()
		if rec.State != refund.Succeeded || !rec.Known || rec.Attempts != 1 || len(calls) != 1 || called != 1 {
			w.T.Errorf("%s after %d attempts, known %t; %d calls, %d callbacks", rec.State, rec.Attempts, rec.Known, len(calls), called)
		}
	})
}

func TestATaskThatIsCancelledLeavesNoAttemptThatNobodyMakes(t *testing.T) {
	for name, settings := range map[string][]string{
		"read first":                  {"preflight: false", "rate_limit: 5/s"},
		"begun unread":                {"preflight: false"},
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
				task := taskOf(w.T, asks("r-1", "1.00"))
				err := p.Do(func(ctx context.Context) error {
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					p.Processor.Journal = journal.New(p.Backend.Redis, late{redisconn.NewWaiter(p.Backend.Redis, "none", time.Second), cancel},
						journal.Options{Gate: admission.GateLua(), Window: w.Config.DedupeWindow, Retention: w.Config.JournalRetention})
					return p.Processor.Handle(ctx, task)
				})
				time.Sleep(time.Second)
				if rec := w.Records()["r-1"]; err != nil || rec.State != refund.Succeeded {
					w.T.Errorf("%s at %s, %v", rec.State, rec.Due, err)
				}
			})
		})
	}
}
