package journal_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

func TestOpenBeginsWhatNobodyHasTouched(t *testing.T) {
	b := open(t)
	b.take("earlier", "50.00")
	b.bring("earlier", refund.Succeeded)
	b.take("mine", "100.00")
	at := beginning()
	at.Set = map[string]string{"account": "fingerprint"}
	rec, err := b.unread(order("mine", "100.00"), at)
	if err != nil {
		t.Fatal(err)
	}
	b.same(rec)
	if rec.State != refund.Sending || rec.Attempts != 1 || rec.Account != "fingerprint" || !rec.Deadline.Equal(b.now.Add(at.Timeout)) || rec.LastAttempt().Minor != "10000" {
		t.Errorf("opened as %+v", rec)
	}
	again, err := b.unread(order("mine", "100.00"), at)
	if err != nil || !reflect.DeepEqual(again, rec) {
		t.Errorf("the same call again: %v\n%+v\nwant %+v", err, again, rec)
	}
	if other, err := b.unread(order("mine", "100.00"), beginning()); !errors.Is(err, journal.ErrStale) || other.State != refund.Sending {
		t.Errorf("another call: %+v, %v", other, err)
	}
}

// A task may tell the refund's story otherwise than the order that was taken in; only
// what the digest vouches for is the same in both.
func TestOpenBelievesTheRecord(t *testing.T) {
	long := strings.Repeat("a piece is 64 bytes. ", 10)
	total := refund.Money{Minor: 500_00, Currency: "RUB"}
	for name, change := range map[string]func(o *refund.Order, how *journal.Taking){
		"bare": func(*refund.Order, *journal.Taking) {},
		"told little": func(o *refund.Order, _ *journal.Taking) {
			o.Reason, o.Metadata = "broken", map[string]string{"order": "1"}
		},
		"told much": func(o *refund.Order, how *journal.Taking) {
			o.Reason, o.Asked, o.Total = long, "0100.0", total
			o.Metadata = map[string]string{"order": long[:128], "note": long}
			*how = journal.Taking{Bulk: true, RequestedBy: long[:100], By: long, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		},
		"a piece to the full":    func(o *refund.Order, _ *journal.Taking) { o.Reason = long[:64] },
		"two pieces to the full": func(o *refund.Order, _ *journal.Taking) { o.Reason = long[:128] },
		"more than fits into pieces": func(o *refund.Order, _ *journal.Taking) {
			o.Reason = strings.Repeat(long, 6)
			o.Metadata = map[string]string{"order": strings.Repeat(long, 6)}
		},
		"with a receipt": func(o *refund.Order, _ *journal.Taking) {
			o.Receipt = &refund.Receipt{Items: []refund.Item{{Name: long, Count: "1", Price: "12.34"}}, CustomerEmail: "a@example.com"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			taken, how := order("mine", "100.00"), journal.Taking{}
			change(&taken, &how)
			b.try(taken, how)
			told := taken
			told.Reason, told.Metadata, told.Asked = "another", map[string]string{"another": "one"}, "100"
			rec, err := b.unread(told, beginning())
			if err != nil {
				t.Fatal(err)
			}
			b.same(rec)
			b.same(b.apply(rec, journal.Step{To: refund.Succeeded, NoDue: true, Note: long}))
		})
	}
}

func TestOpenOfAFullRefundKnowsNoAmount(t *testing.T) {
	b := open(t)
	b.take("mine", "")
	rec, err := b.unread(order("mine", ""), beginning())
	if err != nil || rec.LastAttempt().Minor != "" || !rec.Full() {
		t.Fatalf("%+v, %v", rec, err)
	}
	b.same(rec)
}

func TestOpenWaitsForItsTimeLikeAnyOther(t *testing.T) {
	b := open(t)
	b.take("first", "100.00")
	b.bring("first", refund.Succeeded)
	behind := b.try(order("mine", "100.00"), journal.Taking{AfterWindow: true})
	if rec, err := b.unread(order("mine", "100.00"), beginning()); !errors.Is(err, journal.ErrStale) || rec.State != refund.Queued {
		t.Fatalf("before its time: %+v, %v", rec, err)
	}
	b.advance(behind.Record.Due.Sub(b.now))
	rec, err := b.unread(order("mine", "100.00"), beginning())
	if err != nil {
		t.Fatalf("when its time has come: %v", err)
	}
	if b.same(rec); rec.Why != "" {
		t.Errorf("it begun, and waits: %s", rec.Why)
	}
}

func TestOpenLeavesAloneWhatNeedsALook(t *testing.T) {
	for name, prepare := range map[string]func(b *book){
		"it was put off": func(b *book) { b.apply(b.load("mine"), journal.Step{Due: time.Second}) },
		"it was put off, and is due": func(b *book) {
			b.apply(b.load("mine"), journal.Step{Due: time.Second})
			b.advance(time.Minute)
		},
		"it runs":    func(b *book) { b.bring("mine", refund.Sending) },
		"it settled": func(b *book) { b.bring("mine", refund.Succeeded) },
		"it was sent and is queued again": func(b *book) {
			b.apply(b.bring("mine", refund.Unknown), journal.Step{To: refund.Queued})
		},
		"the journal was restored": func(b *book) {
			if err := b.AfterRestore(t.Context(), b.now); err != nil {
				b.t.Fatal(err)
			}
		},
		"another's attempt is unknown": func(b *book) {
			b.take("other", "50.00")
			b.bring("other", refund.Unknown)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.take("mine", "100.00")
			prepare(b)
			before := b.load("mine")
			rec, err := b.unread(order("mine", "100.00"), beginning())
			var blocked *journal.Blocked
			if !errors.Is(err, journal.ErrStale) && !errors.As(err, &blocked) {
				t.Fatalf("got %v", err)
			}
			if !reflect.DeepEqual(rec, before) {
				t.Errorf("answered %+v\nwas      %+v", rec, before)
			}
			b.same(rec)
		})
	}
}

func TestOpenOfOtherContentBeginsNothing(t *testing.T) {
	b := open(t)
	b.take("mine", "100.00")
	rec, err := b.unread(order("mine", "10.00"), beginning())
	if !errors.Is(err, journal.ErrStale) || rec.State != refund.Queued || rec.Digest == order("mine", "10.00").Digest() {
		t.Errorf("got %+v, %v", rec, err)
	}
	if _, err := b.unread(order("unheard-of", "10.00"), beginning()); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("an id that the journal does not have: %v", err)
	}
}
