package journal_test

import (
	"errors"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

// After a failover that lost a change somebody else may have made another one, of
// the same number: the version alone does not tell that it is not what the caller saw.
func TestAnotherChangeOfTheSameNumberIsNotWhatTheCallerSaw(t *testing.T) {
	b := open(t)
	b.take("mine", "100.00")
	b.apply(b.load("mine"), journal.Step{Note: "mine"})
	saw := b.load("mine")
	b.rdb.HSet(t.Context(), b.rdb.Keys(t.Context(), "refunds:{*}:r:mine").Val()[0], "token", "another's")
	if rec, err := b.Apply(t.Context(), saw, journal.Step{To: refund.Canceled, NoDue: true}); !errors.Is(err, journal.ErrStale) || rec.State != refund.Queued {
		t.Errorf("a step: %+v, %v", rec, err)
	}
	if rec, err := b.Begin(t.Context(), saw, beginning()); !errors.Is(err, journal.ErrStale) || rec.State != refund.Queued {
		t.Errorf("an attempt: %+v, %v", rec, err)
	}
}

// The claim's refusal holds by itself: what stands in the bucket has a TTL of its own.
func TestARefusalOfTheClaimHoldsForAForeignTask(t *testing.T) {
	both(t, func(t *testing.T, b *book) {
		b.take("first", "100.00")
		b.bring("first", refund.Succeeded)
		if got, _ := b.enter(order("mine", "100.00"), journal.Taking{}); got != "refused: duplicate" {
			t.Fatal(got)
		}
		b.advance(window + time.Minute)
		b.rdb.Del(t.Context(), b.rdb.Keys(t.Context(), "refunds:{*}:x:mine").Val()...)
		if got, _ := b.enter(order("mine", "100.00"), journal.Taking{RecordRefusal: true}); got != "entered as refused: duplicate" {
			t.Error(got)
		}
	})
}
