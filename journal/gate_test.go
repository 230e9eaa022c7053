package journal_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// counting is a gate that counts in its key how often it was asked, and does as it is
// told.
const counting = `
redis.call('INCR', KEYS[1])
return { 'asked', ARGV[1] }, ARGV[1] == 'open', tonumber(ARGV[2])`

const asked = "asked"

func gated(t *testing.T) *book {
	b := open(t)
	b.Journal = journal.New(b.rdb, redisconn.NewWaiter(b.rdb, "none", time.Second), journal.Options{Window: window, Retention: retention, Gate: counting})
	return b
}

func gate(word string, paused time.Duration) *journal.Gate {
	return &journal.Gate{Keys: []string{asked}, Args: []any{word, paused.Milliseconds()}}
}

func (b *book) timesAsked(want string) {
	b.t.Helper()
	if got := b.rdb.Get(b.t.Context(), asked).Val(); got != want {
		b.t.Errorf("the gate was asked %q times, want %q", got, want)
	}
}

func TestAnOpenGateLetsAnAttemptBegin(t *testing.T) {
	for _, paused := range []time.Duration{0, 90 * time.Second} {
		b := gated(t)
		b.take("mine", "100.00")
		at := beginning()
		rec, said, err := b.Open(t.Context(), order("mine", "100.00"), at, gate("open", paused))
		if err != nil || fmt.Sprint(said) != "[asked open]" {
			t.Fatalf("%v, %v", said, err)
		}
		if b.same(rec); rec.State != refund.Sending || rec.PausedBefore != paused {
			t.Errorf("%s, paused for %s, want %s", rec.State, rec.PausedBefore, paused)
		}
		// After a lost answer it has begun, whatever the gate would say by now.
		again, said, err := b.Open(t.Context(), order("mine", "100.00"), at, gate("shut", paused))
		if err != nil || said != nil || !reflect.DeepEqual(again, rec) {
			t.Errorf("again: %+v, %v, %v", again, said, err)
		}
		b.timesAsked("1")
	}
}

func TestAShutGateLeavesTheRefundAlone(t *testing.T) {
	b := gated(t)
	b.take("mine", "100.00")
	before := b.load("mine")
	at := beginning()
	rec, said, err := b.Open(t.Context(), order("mine", "100.00"), at, gate("shut", time.Minute))
	if !errors.Is(err, journal.ErrShut) || rec != nil || fmt.Sprint(said) != "[asked shut]" {
		t.Fatalf("%+v, %v, %v", rec, said, err)
	}
	if now := b.load("mine"); !reflect.DeepEqual(now, before) {
		t.Errorf("it has become %+v, was %+v", now, before)
	}
	if _, _, err := b.Open(t.Context(), order("mine", "100.00"), at, gate("open", 0)); err != nil {
		t.Errorf("when it opens: %v", err)
	}
}

// What a gate lets through must not be in vain: it may have been a trial call.
func TestAGateIsNotAskedForWhatCannotBegin(t *testing.T) {
	for name, prepare := range map[string]func(b *book) *journal.Record{
		"another attempt runs": func(b *book) *journal.Record {
			b.take("other", "50.00")
			b.begin("other")
			return b.take("mine", "100.00")
		},
		"it was canceled": func(b *book) *journal.Record {
			return b.apply(b.take("mine", "100.00"), journal.Step{To: refund.Canceled, NoDue: true})
		},
		"it was put off": func(b *book) *journal.Record {
			return b.apply(b.take("mine", "100.00"), journal.Step{Due: time.Minute, Set: map[string]string{"why": "later"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := gated(t)
			prepare(b)
			before := b.load("mine")
			rec, said, err := b.Open(t.Context(), order("mine", "100.00"), beginning(), gate("open", 0))
			if err == nil || said != nil || !reflect.DeepEqual(rec, before) {
				t.Errorf("%+v, %v, %v", rec, said, err)
			}
			b.timesAsked("")
		})
	}
	b := gated(t)
	if _, said, err := b.Open(t.Context(), order("unheard-of", "100.00"), beginning(), gate("open", 0)); !errors.Is(err, journal.ErrNotFound) || said != nil {
		t.Errorf("of no refund: %v, %v", said, err)
	}
	b.timesAsked("")
}

func TestAGateThatTheJournalDoesNotHaveIsAnError(t *testing.T) {
	b := open(t)
	b.take("mine", "100.00")
	if rec, _, err := b.Open(t.Context(), order("mine", "100.00"), beginning(), gate("open", 0)); err == nil || rec != nil {
		t.Errorf("%+v, %v", rec, err)
	}
	if rec := b.load("mine"); rec.State != refund.Queued {
		t.Errorf("it is %s", rec.State)
	}
}
