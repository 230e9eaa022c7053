package journal_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// An attempt comes back as it was ended, whatever of it stands elsewhere in the record.
func TestAttemptsComeBackAsTheyEnded(t *testing.T) {
	t.Parallel()
	said := func(a journal.Attempt) string { return a.Said() }
	other := func(journal.Attempt) string { return "in other words" }
	moved := []providers.Part{{Operation: "deposited", Minor: 5, Moved: true, Reference: "r"}}
	for name, c := range map[string]struct {
		amount, outcome, code, message string
		took                           time.Duration
		parts                          []providers.Part
		note                           func(journal.Attempt) string
	}{
		"without a word":                       {"100.00", "unknown", "", "", time.Second, nil, said},
		"at once":                              {"100.00", "unknown", "timeout", "", 0, nil, said},
		"before it began, by a clock set back": {"100.00", "unknown", "timeout", "", -time.Second, nil, said},
		"with a message":                       {"100.00", "unknown", "5", "деньги закончились", time.Second, nil, said},
		"with a message of a step that says something else": {"100.00", "unknown", "5", "no money", time.Second, nil, other},
		"with a message of a step that says nothing":        {"100.00", "unknown", "5", "no money", time.Second, nil, func(journal.Attempt) string { return "" }},
		"with a long message":                               {"100.00", "unknown", "5", strings.Repeat("\"ä: ", 150), time.Second, nil, said},
		"with parts":                                        {"100.00", "unknown", "", "", time.Second, moved, said},
		"with everything":                                   {"100.00", "unknown", "5", "no money", time.Second, moved, said},
		"of a full refund":                                  {"", "unknown", "5", "no money", time.Second, nil, said},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			rec := b.try(order("id", c.amount), journal.Taking{}).Record
			none := int64(0)
			rec, err := b.Begin(t.Context(), rec, journal.Beginning{Baseline: &none, ReadAt: b.now, MaxAge: time.Minute, Timeout: time.Minute, Token: journal.NewToken()})
			if err != nil {
				t.Fatal(err)
			}
			began := b.now
			if a := rec.LastAttempt(); a.Outcome != "running" || !a.EndedAt.IsZero() || !a.StartedAt.Equal(began) || a.Baseline != "0" {
				t.Errorf("while it runs: %+v", a)
			}
			b.advance(2 * time.Second)
			end := rec.EndAttempt(began.Add(c.took), c.outcome, c.code, c.message, c.parts)
			b.apply(rec, journal.Step{To: refund.Unknown, Ended: end, Note: c.note(*end), Due: time.Minute})
			// What comes after it must not change it.
			b.apply(b.load("id"), journal.Step{Note: "looked", Due: time.Minute})
			rec = b.apply(b.load("id"), journal.Step{To: refund.Review, NoDue: true, Note: "to review"})
			want := journal.Attempt{Number: 1, StartedAt: began, EndedAt: began.Add(c.took), Outcome: c.outcome, Code: c.code,
				Message: c.message, Baseline: "0", Parts: c.parts}
			if c.amount != "" {
				want.Minor = "10000"
			}
			for _, r := range []*journal.Record{rec, b.load("id")} {
				got, err := r.AttemptList()
				for i := range got {
					got[i] = shown(got[i])
				}
				if err != nil || !reflect.DeepEqual(got, []journal.Attempt{want}) {
					t.Errorf("%+v, %v, want %+v", got, err, want)
				}
				if !r.AttemptStart().Equal(began) || !r.FirstAttempt.Equal(began) || !r.Ended(1, want.EndedAt, c.outcome, c.code) {
					t.Errorf("it began %s, the first %s", r.AttemptStart(), r.FirstAttempt)
				}
			}
		})
	}
}

// shown is an attempt with nothing but what everybody sees.
func shown(a journal.Attempt) journal.Attempt {
	return journal.Attempt{Number: a.Number, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: a.Outcome, Code: a.Code,
		Message: a.Message, Baseline: a.Baseline, Minor: a.Minor, Parts: a.Parts}
}

// The history says who did what, and which attempt began, however it is stored.
func TestTheHistoryNamesPeopleAndAttempts(t *testing.T) {
	t.Parallel()
	b := open(t)
	rec := b.try(order("id", "100.00"), journal.Taking{By: "worker"}).Record
	begin := func() {
		at := beginning()
		at.By, at.Token = "worker", journal.NewToken()
		var err error
		if rec, err = b.Begin(t.Context(), rec, at); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	rec = b.apply(rec, journal.Step{Note: "called back", By: "callback", Due: time.Minute})
	rec = b.apply(rec, journal.Step{Note: "called back", By: "", Due: time.Minute})
	rec = b.apply(rec, journal.Step{To: refund.Queued, By: "", Note: "again"})
	begin()
	rec = b.apply(rec, journal.Step{To: refund.Succeeded, By: "worker", NoDue: true, Note: "paid"})
	want := []string{"queued worker ", "sending worker attempt 1", "sending callback called back", "sending  called back", "queued  again",
		"sending worker attempt 2", "succeeded worker paid"}
	for _, r := range []*journal.Record{rec, b.load("id")} {
		list, err := b.History(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, string(e.To)+" "+e.By+" "+e.Note)
		}
		if !slices.Equal(got, want) || r.Seq != int64(len(want)) {
			t.Errorf("%d: %q", r.Seq, got)
		}
	}
}

// What a settled refund leaves in Redis is kept for years, field by field.
func TestASettledRefundKeepsNoClocks(t *testing.T) {
	t.Parallel()
	b := open(t)
	rec := b.try(order("id", "100.00"), journal.Taking{By: "enqueue"}).Record
	at := beginning()
	at.Token, at.Set = journal.NewToken(), map[string]string{"account": "a1", "start_wall": "1767268800000", "paused_before": "7"}
	rec, err := b.Begin(t.Context(), rec, at)
	if err != nil {
		t.Fatal(err)
	}
	end := rec.EndAttempt(rec.Now, "succeeded", "", "paid", nil)
	b.apply(rec, journal.Step{To: refund.Succeeded, NoDue: true, Ended: end, Note: end.Said(),
		Set: map[string]string{"moved": "10000", "attempt_end": "1767268800000", "end_wall": "1767268800000", "fails": "2"}})
	fields, err := b.rdb.HKeys(t.Context(), recordOf(b)).Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(fields)
	want := []string{"a:1", "account", "amount", "attempts", "currency", "digest", "h:1", "h:2", "h:3", "moved", "payment", "provider",
		"since", "state", "token", "ver", "window_ends"}
	if !slices.Equal(fields, want) {
		t.Errorf("it has %q, want %q", fields, want)
	}
	if got := b.mini.HGet(recordOf(b), "a:1"); got != `[2,0,3,"succeeded"]` {
		t.Errorf("the attempt is %s", got)
	}
}
