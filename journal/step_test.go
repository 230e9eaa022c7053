package journal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"refundworker/journal"
	"refundworker/refund"
)

func TestStaleStepChangesNothing(t *testing.T) {
	b, ctx := open(t), t.Context()
	seen := b.take("id", "100.00")
	b.apply(seen, journal.Step{Set: map[string]string{"why": "first"}, Due: time.Minute})
	got, err := b.Apply(ctx, seen, journal.Step{To: refund.Canceled, NoDue: true})
	if !errors.Is(err, journal.ErrStale) || got == nil || got.State != refund.Queued || got.Why != "first" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := b.Apply(ctx, got, journal.Step{To: refund.Canceled, NoDue: true}); err != nil {
		t.Errorf("with what the refusal answered: %v", err)
	}
}

func TestFinalStatesNeverChange(t *testing.T) {
	for _, final := range []refund.State{refund.Succeeded, refund.Declined, refund.Canceled} {
		b := open(t)
		b.take("id", "100.00")
		rec := b.bring("id", final)
		for _, to := range refund.States {
			if to == final {
				continue
			}
			if _, err := b.Apply(t.Context(), rec, journal.Step{To: to}); err == nil {
				t.Errorf("from %s to %s", final, to)
			}
		}
		if _, err := b.Begin(t.Context(), rec, beginning()); err == nil {
			t.Errorf("an attempt of one that is %s", final)
		}
		if after := b.load("id"); after.State != final || !after.Due.IsZero() {
			t.Errorf("%+v", after)
		}
	}
}

func TestEvidenceAgainstAFinalStateIsRaised(t *testing.T) {
	b, ctx := open(t), t.Context()
	b.take("id", "100.00")
	rec := b.bring("id", refund.Succeeded)
	next := b.apply(rec, rec.Contradict("test", "the provider says Rejected"))
	if next.State != refund.Succeeded || next.Contradicted == "" || next.ReasonCode == "contradicted" {
		t.Errorf("%+v", next)
	}
	if _, err := b.RelayAll(ctx); err != nil {
		t.Fatal(err)
	}
	events, err := b.rdb.XRange(ctx, journal.Events, "-", "+").Result()
	if err != nil || len(events) != 2 || events[1].Values["reason_code"] != "contradicted" || events[1].Values["state"] != "succeeded" {
		t.Errorf("%+v, %v", events, err)
	}
}

// twice runs each script two times, as a client does that lost the first reply.
type twice struct{ journal.Runner }

func (r twice) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	if _, err := r.Runner.Run(ctx, key, script, keys, args...); err != nil {
		return nil, err
	}
	return r.Runner.Run(ctx, key, script, keys, args...)
}

func TestLostRepliesChangeNothingTwice(t *testing.T) {
	b, ctx := open(t, func(r journal.Runner) journal.Runner { return twice{r} }), t.Context()
	if c, err := b.Claim(ctx, "id", provider, payment, order("id", "100.00").Digest()); err != nil || c.Conflict {
		t.Fatalf("%+v, %v", c, err)
	}
	taken := b.try(order("id", "100.00"), journal.Taking{})
	if taken.Record == nil || !taken.Existing {
		t.Fatalf("%+v", taken)
	}
	b.apply(b.begin("id"), journal.Step{To: refund.Unknown, Note: "no answer"})
	rec := b.apply(b.load("id"), journal.Step{To: refund.Succeeded, NoDue: true, Note: "proven"})
	history, err := b.History(ctx, rec)
	if err != nil || len(history) != 4 || rec.Attempts != 1 || rec.Seq != 4 {
		t.Errorf("%d entries, %d attempts, seq %d, %v", len(history), rec.Attempts, rec.Seq, err)
	}
	for i, h := range history {
		if h.Seq != int64(i+1) {
			t.Errorf("entry %d has number %d", i, h.Seq)
		}
	}
	moved, err := b.RelayAll(ctx)
	if err != nil || moved != 1 {
		t.Errorf("%d events, %v", moved, err)
	}
	stats, err := b.Stats(ctx)
	if err != nil || len(stats) != 1 || stats[0].Count != 1 || stats[0].State != refund.Succeeded {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestEventsSayWhatHappened(t *testing.T) {
	for name, relay := range map[string]func(ctx context.Context, b *book, changed ...*journal.Record) error{
		"known from the changes": func(ctx context.Context, b *book, changed ...*journal.Record) error { return b.Relay(ctx, changed...) },
		"read from the outbox":   func(ctx context.Context, b *book, _ ...*journal.Record) error { return b.Relay(ctx, b.load("id")) },
		"read from all outboxes": func(ctx context.Context, b *book, _ ...*journal.Record) error { _, err := b.RelayAll(ctx); return err },
		"one known, the other not": func(ctx context.Context, b *book, changed ...*journal.Record) error {
			return b.Relay(ctx, changed[0], b.load("id"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, ctx := open(t), t.Context()
			o := order("id", "100.5")
			o.Metadata = map[string]string{"order": "ö-1"}
			b.try(o, journal.Taking{})
			reviewed := b.apply(b.begin("id"), journal.Step{To: refund.Review, Set: map[string]string{"reason_code": "partial", "moved": "7500"}})
			resolved := b.apply(reviewed, journal.Step{To: refund.Succeeded, NoDue: true, Set: map[string]string{"reason_code": "resolved"}})
			if err := relay(ctx, b, reviewed, resolved); err != nil {
				t.Fatal(err)
			}
			events, err := b.rdb.XRange(ctx, journal.Events, "-", "+").Result()
			if err != nil || len(events) != 2 {
				t.Fatalf("%+v, %v", events, err)
			}
			for i, want := range []map[string]any{
				{"refund_id": "id", "seq": "3", "provider": provider, "payment_id": payment, "amount": "100.5", "amount_moved": "75.00", "currency": "RUB",
					"state": "review", "reason_code": "partial", "metadata": `{"order":"ö-1"}`, "at": "2026-01-01T12:00:00Z"},
				{"seq": "4", "state": "succeeded", "reason_code": "resolved"},
			} {
				for field, value := range want {
					if events[i].Values[field] != value {
						t.Errorf("event %d: %s is %v, want %v", i, field, events[i].Values[field], value)
					}
				}
			}
			if moved, err := b.RelayAll(ctx); err != nil || moved != 0 {
				t.Errorf("relayed again: %d, %v", moved, err)
			}
		})
	}
}

func TestDueIndexFollowsTheRefund(t *testing.T) {
	b, ctx := open(t), t.Context()
	overdue := func() (ids []string) {
		list, err := b.Overdue(ctx, b.now, 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range list {
			ids = append(ids, rec.ID)
		}
		return ids
	}
	rec := b.take("id", "100.00")
	if got := overdue(); got != nil {
		t.Errorf("its task is only being put on the queue: %v", got)
	}
	b.advance(8 * time.Second)
	if got := overdue(); !slices.Equal(got, []string{"id"}) {
		t.Errorf("its task was never put on the queue: %v", got)
	}
	rec = b.apply(rec, journal.Step{Due: time.Minute})
	if got := overdue(); got != nil {
		t.Errorf("put off: %v", got)
	}
	b.advance(time.Minute)
	if err := b.LookLater(ctx, b.load("id"), time.Minute); err != nil || overdue() != nil {
		t.Errorf("looked later: %v", err)
	}
	if after := b.load("id"); after.Version != rec.Version || !after.Due.Equal(rec.Due) {
		t.Error("looking later changed the refund")
	}
	b.apply(b.load("id"), journal.Step{To: refund.Canceled, NoDue: true})
	if err := b.LookLater(ctx, rec, -time.Hour); err != nil || overdue() != nil {
		t.Errorf("a settled refund is due: %v", err)
	}
}

func TestPruneForgetsWhatSettledLongAgo(t *testing.T) {
	broken := false
	b, ctx := open(t, func(r journal.Runner) journal.Runner { return breakable{r, &broken} }), t.Context()
	for _, id := range []string{"old", "open"} {
		o := order(id, map[string]string{"old": "10.00", "open": "20.00"}[id])
		if _, err := b.Claim(ctx, id, provider, payment, o.Digest()); err != nil {
			t.Fatal(err)
		}
		b.try(o, journal.Taking{})
	}
	b.bring("old", refund.Succeeded)
	settled := b.now
	forgotten := func(want bool) {
		t.Helper()
		longer := journal.New(b.rdb, nil, journal.Options{Retention: 100 * retention}) // as somebody configures it later
		for _, j := range []*journal.Journal{b.Journal, longer} {
			if got, err := j.Forgotten(ctx, settled); got != want || err != nil {
				t.Errorf("forgotten: %t, %v, want %t", got, err, want)
			}
		}
	}
	b.advance(retention)
	if n, err := b.Prune(ctx, 10); err != nil || n != 0 {
		t.Errorf("too early: %d, %v", n, err)
	}
	forgotten(false)
	b.advance(time.Millisecond)
	broken = true // behind the note
	if n, err := b.Prune(ctx, 10); err == nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	forgotten(true)
	broken = false
	if n, err := b.Prune(ctx, 10); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	b.advance(-time.Hour)
	b.bring("open", refund.Succeeded)
	if n, err := b.Prune(ctx, 10); err != nil || n != 0 {
		t.Errorf("with a clock that was set back: %d, %v", n, err)
	}
	forgotten(true)
	if _, err := b.Get(ctx, "old"); err != journal.ErrNotFound {
		t.Errorf("the old one: %v", err)
	}
	if rec, err := b.Get(ctx, "open"); err != nil || rec.State != refund.Succeeded {
		t.Errorf("the open one: %v", err)
	}
	if list, err := b.ByPayment(ctx, provider, payment); err != nil || len(list) != 1 {
		t.Errorf("%d, %v", len(list), err)
	}
}

// breakable runs no script of the bucket while it is broken.
type breakable struct {
	journal.Runner
	broken *bool
}

func (r breakable) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	if *r.broken && strings.HasPrefix(key, "refunds:{") {
		return nil, errors.New("broken")
	}
	return r.Runner.Run(ctx, key, script, keys, args...)
}

// TestWhateverHappensTheIndexesAgree goes through random lives of the refunds
// of one payment.
func TestWhateverHappensTheIndexesAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b, ctx := open(t), context.Background()
		defer b.mini.Close()
		const total = 100_00
		var ids []string
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			b.advance(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
			if len(ids) == 0 || rapid.IntRange(0, 3).Draw(rt, "what") == 0 {
				id := "r" + text(int64(len(ids)))
				amount := rapid.SampledFrom([]string{"", "10.00", "25.00", "60.00"}).Draw(rt, "amount")
				taken := b.try(withTotal(order(id, amount), total), journal.Taking{AfterWindow: rapid.Bool().Draw(rt, "after"), RecordRefusal: rapid.Bool().Draw(rt, "record")})
				if taken.Record != nil {
					ids = append(ids, id)
				}
			} else {
				rec := b.load(rapid.SampledFrom(ids).Draw(rt, "id"))
				to := rapid.SampledFrom(refund.States).Draw(rt, "to")
				switch {
				case to == refund.Sending:
					_, _ = b.Begin(ctx, rec, beginning()) // may be blocked
				case rec.State == refund.Queued && to == refund.Unknown && !rec.Unproven:
					// Only a refund that was unknown before gets there again.
				default:
					set := map[string]string{}
					if to == refund.Unknown {
						set["unproven"] = "1"
					}
					if minor, ok := rec.Send(); ok && to == refund.Succeeded {
						set["moved"] = text(minor)
					}
					_, _ = b.Apply(ctx, rec, journal.Step{To: to, NoDue: to.Terminal(), Set: set}) // may not be allowed
				}
			}
			b.consistent(rt, ids, total)
		}
		b.counted(rt, ids)
	})
}

func (b *book) consistent(rt *rapid.T, ids []string, total int64) {
	busy, reserved := 0, int64(0)
	for _, id := range ids {
		rec := b.load(id)
		if rec.State == refund.Sending || rec.State == refund.Unknown {
			busy++
		}
		if rec.State != refund.Declined && rec.State != refund.Canceled && rec.Amount != nil {
			reserved += *rec.Amount
		}
		if rec.State.Terminal() == rec.Settled.IsZero() {
			rt.Fatalf("%s is %s and settled at %v", id, rec.State, rec.Settled)
		}
	}
	if busy > 1 {
		rt.Fatalf("%d attempts run or are unknown at once", busy)
	}
	if reserved > total {
		rt.Fatalf("%d minor units are reserved of %d", reserved, total)
	}
}

// counted compares the indexes by state with the records.
func (b *book) counted(rt *rapid.T, ids []string) {
	ctx := context.Background()
	counted := map[refund.State]int64{}
	for _, id := range ids {
		counted[b.load(id).State]++
	}
	stats, err := b.Stats(ctx)
	if err != nil {
		rt.Fatal(err)
	}
	for _, s := range stats {
		if counted[s.State] != s.Count {
			rt.Fatalf("%d are %s, the index counts %d", counted[s.State], s.State, s.Count)
		}
		delete(counted, s.State)
	}
	if len(counted) != 0 {
		rt.Fatalf("not counted: %v", counted)
	}
	listed := 0
	for rec, err := range b.List(ctx, journal.Filter{}) {
		if err != nil || !slices.Contains(ids, rec.ID) {
			rt.Fatalf("listed: %+v, %v", rec, err)
		}
		listed++
	}
	if listed != len(ids) {
		rt.Fatalf("%d listed of %d", listed, len(ids))
	}
}
