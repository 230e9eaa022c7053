package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

func pointer(n int64) *int64 { return &n }

func TestBeginIsBlocked(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(b *book) // before the refund "mine" is read
		between func(b *book) // after
		change  func(b *book, at *journal.Beginning)
		want    journal.Block // "" where it may start
		other   string
		wait    time.Duration
	}{
		"alone":                                  {},
		"another was taken in since it was read": {between: func(b *book) { b.take("other", "50.00") }, want: journal.Changed},
		"another changed since it was read": {prepare: func(b *book) { b.take("other", "50.00") },
			between: func(b *book) { b.bring("other", refund.Canceled) }, want: journal.Changed},
		"another's attempt runs": {prepare: func(b *book) { b.take("other", "50.00"); b.bring("other", refund.Sending) },
			want: journal.Busy, other: "other"},
		"another's attempt is unknown": {prepare: func(b *book) { b.take("other", "50.00"); b.bring("other", refund.Unknown) },
			want: journal.Busy, other: "other"},
		"another that is unproven is queued": {prepare: func(b *book) {
			b.take("other", "50.00")
			b.apply(b.bring("other", refund.Unknown), journal.Step{To: refund.Queued})
		}, want: journal.UnprovenOther, other: "other"},
		"another that is unproven is in review": {prepare: func(b *book) {
			b.take("other", "50.00")
			b.apply(b.bring("other", refund.Unknown), journal.Step{To: refund.Review})
		}, want: journal.UnprovenOther, other: "other"},
		"another that was unproven has settled": {prepare: func(b *book) {
			b.take("other", "50.00")
			b.apply(b.bring("other", refund.Unknown), journal.Step{To: refund.Succeeded, NoDue: true})
		}},
		"another is accepted": {prepare: func(b *book) { b.take("other", "50.00"); b.bring("other", refund.Accepted) },
			want: journal.Busy, other: "other"},
		"another was declined": {prepare: func(b *book) { b.take("other", "100.00"); b.bring("other", refund.Declined) }},
		"the baseline is just fresh": {change: func(b *book, at *journal.Beginning) {
			at.Baseline, at.ReadAt = pointer(0), b.now.Add(-time.Minute)
		}},
		"the baseline is too old": {change: func(b *book, at *journal.Beginning) {
			at.Baseline, at.ReadAt = pointer(0), b.now.Add(-time.Minute-time.Millisecond)
		}, want: journal.StaleBaseline},
		"the baseline is what is known to have moved": {prepare: func(b *book) { b.take("other", "50.00"); b.bring("other", refund.Succeeded) },
			change: func(b *book, at *journal.Beginning) { at.Baseline, at.ReadAt = pointer(50_00), b.now }},
		"the provider lags": {prepare: func(b *book) { b.take("other", "50.00"); b.bring("other", refund.Succeeded) },
			change: func(b *book, at *journal.Beginning) { at.Baseline, at.ReadAt = pointer(49_99), b.now }, want: journal.Lag},
		"the provider counts more": {change: func(b *book, at *journal.Beginning) { at.Baseline, at.ReadAt = pointer(70_00), b.now }},
		"no guard is over without an unproven attempt": {change: func(b *book, at *journal.Beginning) { at.Guard = 25 * time.Minute },
			want: journal.GuardOver},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			if c.prepare != nil {
				c.prepare(b)
			}
			rec := b.take("mine", "100.00")
			if c.between != nil {
				c.between(b)
			}
			at := beginning()
			if c.change != nil {
				c.change(b, &at)
			}
			got, err := b.Begin(context.Background(), rec, at)
			var blocked *journal.Blocked
			switch {
			case c.want == "" && (err != nil || got.State != refund.Sending):
				t.Errorf("it does not start: %v", err)
			case c.want != "" && (!errors.As(err, &blocked) || blocked.Why != c.want || blocked.Other != c.other || blocked.Wait != c.wait):
				t.Errorf("%+v (%v), want %s by %q", blocked, err, c.want, c.other)
			case c.want != "":
				if after := b.load("mine"); after.State != refund.Queued || after.Attempts != 0 || after.Version != rec.Version {
					t.Errorf("a blocked attempt left something: %+v", after)
				}
			}
		})
	}
}

func TestBeginKeepsTheOrderOfTheWindow(t *testing.T) {
	b, ctx := open(t), t.Context()
	wait := journal.Taking{AfterWindow: true}
	b.take("first", "100.00")
	second := b.try(order("second", "100.00"), wait).Record
	b.try(order("third", "100.00"), wait)
	b.try(order("full", ""), wait)
	stopped := func(id, by string, span time.Duration) {
		t.Helper()
		var blocked *journal.Blocked
		if _, err := b.Begin(ctx, b.load(id), beginning()); !errors.As(err, &blocked) || blocked.Why != journal.InWindow || blocked.Other != by || blocked.Wait != span {
			t.Errorf("%s: %+v (%v), want the window of %s for %s", id, blocked, err, by, span)
		}
	}
	if second.State != refund.Queued {
		t.Errorf("the second is %s", second.State)
	}
	stopped("second", "first", 0)
	stopped("third", "first", 0)
	b.bring("first", refund.Succeeded)
	stopped("second", "first", window)
	b.advance(window - time.Millisecond)
	stopped("second", "first", time.Millisecond)
	b.advance(time.Millisecond)
	stopped("third", "second", 0)
	b.bring("second", refund.Declined) // frees it at once
	b.bring("third", refund.Succeeded)
	stopped("full", "third", window)
	b.advance(window)
	b.begin("full")
}

func TestAfterWindowIsDueWhenTheWindowEnds(t *testing.T) {
	b := open(t)
	b.take("first", "100.00")
	first := b.bring("first", refund.Succeeded)
	b.advance(time.Minute)
	second := b.try(order("second", "100.00"), journal.Taking{AfterWindow: true}).Record
	if !second.Due.Equal(first.WindowEnds) || second.Why == "" {
		t.Errorf("due %s, want %s (%q)", second.Due, first.WindowEnds, second.Why)
	}
}

func TestBeginWritesTheAttemptAhead(t *testing.T) {
	b, ctx := open(t), t.Context()
	rec := b.take("id", "100.00")
	at := beginning()
	at.Baseline, at.ReadAt, at.Set = pointer(20_00), b.now, map[string]string{"baseline": "2000", "account": "a1"}
	begun, err := b.Begin(ctx, rec, at)
	if err != nil {
		t.Fatal(err)
	}
	if begun.State != refund.Sending || begun.Attempts != 1 || !begun.Deadline.Equal(b.now.Add(15*time.Second)) ||
		!begun.Due.Equal(b.now.Add(16*time.Second)) || !begun.FirstAttempt.Equal(b.now) || *begun.Baseline != 20_00 || begun.Account != "a1" {
		t.Errorf("%+v", begun)
	}
	list, err := begun.AttemptList()
	if err != nil || len(list) != 1 || list[0].Outcome != "running" || list[0].Baseline != "2000" || list[0].Minor != "10000" || !list[0].StartedAt.Equal(b.now) {
		t.Errorf("%+v, %v", list, err)
	}

	// The same caller's repeat is the same attempt; anybody else's is stale.
	again, err := b.Begin(ctx, rec, at)
	if err != nil || again.Attempts != 1 || again.Version != begun.Version {
		t.Errorf("the same token again: %+v, %v", again, err)
	}
	if _, err := b.Begin(ctx, rec, beginning()); !errors.Is(err, journal.ErrStale) {
		t.Errorf("another token: %v", err)
	}
	if _, err := b.Begin(ctx, begun, beginning()); !errors.Is(err, journal.ErrStale) {
		t.Errorf("while it runs: %v", err)
	}
	b.advance(time.Minute)
	b.apply(begun, journal.Step{To: refund.Queued})
	if second := b.begin("id"); second.Attempts != 2 || !second.FirstAttempt.Equal(begun.FirstAttempt) {
		t.Errorf("%+v", second)
	}
}

func TestGuardHoldsFromTheFirstUnprovenAttempt(t *testing.T) {
	for age, fine := range map[time.Duration]bool{25*time.Minute - time.Millisecond: true, 25 * time.Minute: false} {
		b := open(t)
		b.take("id", "100.00")
		begun := b.begin("id")
		rec := b.apply(begun, journal.Step{To: refund.Unknown, Set: map[string]string{"unproven": "1", "first_unproven": text(b.now.UnixMilli())}})
		rec = b.apply(rec, journal.Step{To: refund.Queued})
		b.advance(age)
		at := beginning()
		at.Guard = 25 * time.Minute
		_, err := b.Begin(t.Context(), rec, at)
		var blocked *journal.Blocked
		if fine && err != nil || !fine && (!errors.As(err, &blocked) || blocked.Why != journal.GuardOver) {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func TestAfterARestoreOnlyWhatIsProvedBegins(t *testing.T) {
	for name, c := range map[string]struct {
		baseline *int64
		fine     bool
	}{"no baseline": {nil, false}, "more than known": {pointer(50_01), false}, "exactly what is known": {pointer(50_00), true}} {
		b, ctx := open(t), t.Context()
		b.take("other", "50.00")
		b.bring("other", refund.Succeeded)
		b.take("mine", "100.00")
		if err := b.AfterRestore(ctx, b.now); err != nil {
			t.Fatal(err)
		}
		rec := b.load("mine")
		if !rec.Restored {
			t.Error("the record does not say so")
		}
		at := beginning()
		at.Baseline, at.ReadAt = c.baseline, b.now
		_, err := b.Begin(ctx, rec, at)
		var blocked *journal.Blocked
		if c.fine && err != nil || !c.fine && (!errors.As(err, &blocked) || blocked.Why != journal.AfterRestore) {
			t.Errorf("%s: %v", name, err)
		}
		b.advance(time.Second)
		if err := b.RestoreOver(ctx); err != nil {
			t.Fatal(err)
		}
		// It was there before, and had no attempt since: nothing has compared it yet.
		if c.fine == (b.load("mine").Restored && b.load("mine").AttemptStart().IsZero()) {
			t.Errorf("%s: compared no longer, and not begun", name)
		}
		b.advance(time.Second)
		b.take("new", "10.00")
		if b.load("new").Restored {
			t.Error("the mark holds for a refund that came after its end")
		}
	}
}

func TestAMarkFromAClockThatIsAheadIsRefused(t *testing.T) {
	b := open(t)
	if err := b.AfterRestore(t.Context(), b.now.Add(24*time.Hour)); err == nil || !strings.Contains(err.Error(), "set it right") {
		t.Error(err)
	}
	if since, err := b.RestoredSince(t.Context()); err != nil || !since.IsZero() {
		t.Errorf("marked since %s, %v", since, err)
	}
}

// A record of a list comes without its payment's epoch: what happened to the
// payment since a baseline was read would go unseen.
func TestNoAttemptBeginsByARecordOfAList(t *testing.T) {
	b, ctx := open(t), t.Context()
	b.take("mine", "100.00")
	var listed *journal.Record
	for rec, err := range b.List(ctx, journal.Filter{}) {
		if listed = rec; err != nil {
			t.Fatal(err)
		}
	}
	at := beginning()
	at.Baseline, at.ReadAt = new(int64), b.now
	b.take("other", "50.00")
	b.bring("other", refund.Declined)
	got, err := b.Begin(ctx, listed, at)
	var blocked *journal.Blocked
	if !errors.As(err, &blocked) || blocked.Why != journal.Changed || got.Epoch == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := b.Begin(ctx, got, at); err != nil {
		t.Errorf("by the record that it came with: %v", err)
	}
}
