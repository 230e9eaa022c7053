package journal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// lengths go up and down over all borders, and back to nothing.
var lengths = []int{1, 64, 65, 128, 129, 500, 64, 1024, 1025, 63, 0, 200, 1, 1024, 0}

func TestLongValuesComeBackWholeAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.take("id", "100.00")
	bare, err := b.rdb.HLen(t.Context(), recordOf(b)).Result()
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range lengths {
		long := strings.Repeat(string(rune('a'+i)), n)
		if rec := b.apply(b.load("id"), journal.Step{Set: map[string]string{"why": long}}); rec.Why != long {
			t.Errorf("step %d: %d bytes came back as %q", i, n, rec.Why)
		}
	}
	if now := b.rdb.HLen(t.Context(), recordOf(b)).Val(); now != bare+4 { // the token, when it was changed and when somebody looks again, and the number of the last entry
		t.Errorf("%v", b.rdb.HGetAll(t.Context(), recordOf(b)).Val())
	}
}

func recordOf(b *book) string {
	b.t.Helper()
	for _, key := range b.mini.Keys() {
		if strings.Contains(key, "}:r:") {
			return key
		}
	}
	b.t.Fatal("there is no record")
	return ""
}

func TestARecordWithLongWordsStaysInOnePiece(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	o := of("id", 1, map[string]string{"note": strings.Repeat("ä", 64)})
	o.Reason = strings.Repeat("r", 300)
	taken, err := j.Take(t.Context(), o, journal.Taking{By: strings.Repeat("clerk ", 20)})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := j.Begin(t.Context(), taken.Record, beginning())
	if err != nil {
		t.Fatal(err)
	}
	ended := rec.EndAttempt(rec.Now, "succeeded", "", strings.Repeat("Возврат ", 10), nil)
	if rec, err = j.Apply(t.Context(), rec, journal.Step{To: refund.Succeeded, NoDue: true, Ended: ended, Note: strings.Repeat("a note ", 50)}); err != nil {
		t.Fatal(err)
	}
	if rec.Reason != o.Reason || rec.LastAttempt().Message != strings.Repeat("Возврат ", 10) {
		t.Errorf("%+v", rec)
	}
	keys, err := rdb.Keys(t.Context(), "refunds:{*}:r:id").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	if encoding, err := rdb.ObjectEncoding(t.Context(), keys[0]).Result(); err != nil || encoding != "listpack" && encoding != "ziplist" {
		t.Errorf("encoding %s, %v: %v", encoding, err, rdb.HGetAll(t.Context(), keys[0]).Val())
	}
	if got := values(t, j, strings.Repeat("ä", 64)); len(got) != 1 {
		t.Errorf("by its long metadata: %q", got)
	}
	if rec, err = j.Apply(t.Context(), rec, rec.Erase("anna", "asked for")); err != nil || rec.HoldsPersonalData() {
		t.Fatalf("%+v, %v", rec, err)
	}
	if got := values(t, j, strings.Repeat("ä", 64)); got != nil {
		t.Errorf("after erasing: %q", got)
	}
	for field := range rdb.HGetAll(t.Context(), keys[0]).Val() {
		if strings.HasPrefix(field, "reason") && field != "reason_code" || strings.HasPrefix(field, "metadata") {
			t.Errorf("after erasing there is %s", field)
		}
	}
}

func TestTheHistoryKeepsLongNamesAndNotes(t *testing.T) {
	t.Parallel()
	for i, n := range lengths {
		b := open(t)
		if i%2 == 0 {
			b.advance(-30 * 365 * 24 * time.Hour) // a time in fewer digits
		}
		by, note := strings.Repeat("ä", n), strings.Repeat("\"n", n)
		rec := b.try(order("id", "100.00"), journal.Taking{By: by}).Record
		for range 2 {
			rec = b.apply(b.load("id"), journal.Step{By: by, Note: note + ".", Due: time.Second})
		}
		b.apply(rec, journal.Step{To: refund.Canceled, NoDue: true, By: by, Note: note})
		got, err := b.History(t.Context(), b.load("id"))
		if err != nil {
			t.Fatalf("%d letters: %v", n, err)
		}
		want := []journal.Entry{{Seq: 1, At: b.now, To: refund.Queued, By: by},
			{Seq: 2, At: b.now, From: refund.Queued, To: refund.Queued, By: by, Note: note + "."},
			{Seq: 3, At: b.now, From: refund.Queued, To: refund.Queued, By: by, Note: note + "."},
			{Seq: 4, At: b.now, From: refund.Queued, To: refund.Canceled, By: by, Note: note}}
		if !slices.Equal(got, want) {
			t.Errorf("%d letters: %+v", n, got)
		}
	}
}

func TestARefusedForeignRefundKeepsALongName(t *testing.T) {
	b := open(t)
	b.take("first", "100.00")
	by := strings.Repeat("night job ", 10)
	taken := b.try(order("id", "100.00"), journal.Taking{By: by, RecordRefusal: true})
	if taken.Record == nil || taken.Refusal == nil {
		t.Fatalf("%+v", taken)
	}
	got, err := b.History(t.Context(), b.load("id"))
	if want := []journal.Entry{{Seq: 1, At: b.now, To: refund.Declined, By: by}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
