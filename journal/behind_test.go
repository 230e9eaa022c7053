package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/refund"
)

// interrupted is a runner that lets somebody else in between a script and the hash that
// is read behind it.
type interrupted struct {
	journal.Runner
	rdb     *redis.Client
	between func()
}

func (r *interrupted) RunReading(ctx context.Context, key string, script *redis.Script, keys []string, hash string, args ...any) (any, map[string]string, error) {
	raw, err := r.Run(ctx, key, script, keys, args...)
	if err != nil {
		return nil, nil, err
	}
	r.between()
	fields, err := r.rdb.HGetAll(ctx, hash).Result()
	return raw, fields, err
}

// letting is a book whose refund "mine" is changed by somebody else between the
// beginning of its attempt and the look at it.
func letting(t *testing.T, between func(b *book)) *book {
	r := &interrupted{}
	b := open(t, func(run journal.Runner) journal.Runner { r.Runner = run; return r })
	r.rdb, r.between = b.rdb, func() { between(b) }
	b.take("mine", "100.00")
	return b
}

func TestAnAttemptIsItsBeginnersWhateverIsHeardOfItMeanwhile(t *testing.T) {
	b := letting(t, func(b *book) {
		b.advance(time.Millisecond)
		rec := b.load("mine")
		step := rec.Callback()
		step.Due = rec.Due.Sub(rec.Now)
		b.apply(rec, step)
	})
	at := beginning()
	rec, err := b.unread(order("mine", "100.00"), at)
	if err != nil {
		t.Fatalf("begun, and nobody makes it: %v", err)
	}
	if rec.State != refund.Sending || rec.Attempts != 1 || !rec.Known || rec.Token == at.Token || !rec.Deadline.Equal(rec.Now.Add(at.Timeout)) {
		t.Errorf("opened as %+v", rec)
	}
	b.apply(rec, journal.Step{To: refund.Succeeded, NoDue: true})
}

func TestAnAttemptThatWasEndedMeanwhileIsNobodysToMake(t *testing.T) {
	again := func(b *book, timeout time.Duration) {
		b.apply(b.load("mine"), journal.Step{To: refund.Unknown, Set: map[string]string{"unproven": "1", "deadline": ""}})
		b.apply(b.load("mine"), journal.Step{To: refund.Queued})
		at := beginning()
		at.Timeout = timeout
		if _, err := b.Begin(context.Background(), b.load("mine"), at); err != nil {
			b.t.Error(err)
		}
	}
	for name, between := range map[string]func(b *book){
		"it settled": func(b *book) { b.apply(b.load("mine"), journal.Step{To: refund.Succeeded, NoDue: true}) },
		"it is unknown": func(b *book) {
			b.apply(b.load("mine"), journal.Step{To: refund.Unknown, Set: map[string]string{"unproven": "1"}})
		},
		"another attempt runs": func(b *book) { again(b, beginning().Timeout) },
		"another attempt has its number, as after a failover": func(b *book) {
			again(b, time.Minute)
			key := b.rdb.Keys(context.Background(), "refunds:{*}:r:mine").Val()[0]
			b.rdb.HSet(context.Background(), key, "attempts", "1")
		},
		"it is gone": func(b *book) {
			b.rdb.Del(context.Background(), b.rdb.Keys(context.Background(), "refunds:{*}:r:mine").Val()...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := letting(t, between)
			rec, err := b.unread(order("mine", "100.00"), beginning())
			if err == nil || rec != nil || errors.Is(err, journal.ErrStale) {
				t.Errorf("%+v, %v", rec, err)
			}
		})
	}
}
