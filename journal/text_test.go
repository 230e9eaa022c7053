package journal_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// FuzzTexts holds what is stored as a list against encoding/json's own lists, and
// has it read again.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"", "attempt 1: succeeded", `"`, `\`, "<a&b>", "Возврат", "\u2028", "\x00\x7f", "\xff", "a,b]", "[{"} {
		f.Add("succeeded", text, int64(1767268800000), "")
		f.Add(text, "", int64(0), text)
	}
	f.Fuzz(func(t *testing.T, a, b string, at int64, part string) {
		list := func(elements ...any) string {
			text, err := json.Marshal(elements)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		for _, again := range []bool{false, true} {
			entry := []any{"declined", a, b}
			if again {
				entry[1] = 0
			}
			if b == "" {
				entry = entry[:2]
			}
			got := journal.EntryLine(refund.Declined, a, b, again)
			if want := "," + list(entry...)[1:]; got != want {
				t.Errorf("entry %s, want %s", got, want)
			}
			checkReadLine(t, "["+strconv.FormatInt(at, 10)+got)
		}

		attempt := journal.Attempt{Number: 1, StartedAt: time.UnixMilli(5), Outcome: a, Code: b, Baseline: "100", Message: b}
		took := int64(0)
		if a != "running" {
			attempt.EndedAt, took = time.UnixMilli(at), at-5
		}
		want := list(0, took, 0, a, b, "100")
		switch {
		case part != "":
			attempt.Parts = []providers.Part{{Operation: part}}
			want = list(0, took, 0, a, b, "100", "", b, attempt.Parts)
		case b != "":
			want = list(0, took, 0, a, b, "100", "", b)
		}
		stored := journal.StoredAttempt(attempt)
		if stored != want {
			t.Errorf("attempt %s, want %s", stored, want)
		}
		checkReadAttempt(t, stored)
	})
}

// FuzzReadAttempt reads attempts as encoding/json does.
func FuzzReadAttempt(f *testing.F) {
	for _, text := range []string{`[2,0,0,"running"]`, `[2,0,0,"running","","2000"]`, `[2,17,0,"succeeded","","0","100","The refund was successful."]`, `[2,-5,0,"a","b","","",""]`, ``, `[`, `[1`, `[1]`, `[1,]`,
		`[1,1,0]`, `[1,1,0,"a"`, `[1,1,0,"a"]x`, `[1,1,0,"a",]`, `[1,1,0,2]`, `["1"]`, `[1.5,1,0,"a"]`, `[1, 1,0,"a"]`, `[1,1,0,"a\"b"]`, `[1,1,0,"a","b","c","d","e",[{"amount":"1"}]]`, `[1,1,0,"a","b","c","d","e","f"]`,
		`[1,1,0,"a",null]`, `[null]`, `[1,null,0,"a"]`, `[1,1,0,"é"]`, `[1,1,0,"<"]`, `[1,1,9,"a"]`} {
		f.Add(text)
	}
	f.Fuzz(checkReadAttempt)
}

func checkReadAttempt(t *testing.T, text string) {
	t.Helper()
	want := journal.Attempt{Number: 1}
	var entry, took, said int64
	bad := json.Unmarshal([]byte(text), &[]any{&entry, &took, &said, &want.Outcome, &want.Code, &want.Baseline, &want.Minor, &want.Message, &want.Parts})
	if bad != nil || said != 0 {
		return // whatever it is read as, nobody wrote it, or in a record that has that entry
	}
	if want.Outcome != "running" {
		want.EndedAt = time.UnixMilli(want.StartedAt.UnixMilli() + took).UTC()
	}
	if got, err := journal.ReadAttempt(text); err != nil || !reflect.DeepEqual(shown(got), want) {
		t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
	}
}

// FuzzReadLine reads entries of the history as encoding/json does.
func FuzzReadLine(f *testing.F) {
	for _, text := range []string{`[1767268800000,"queued","enqueue"]`, `[1,"sending",0]`, `[1,"sending",0,"a note"]`, `[1,"a","b","c"]`, `[1,"a","b","c","d"]`, ``, `[`, `[1`, `[1]`, `[1,"a"]`, `[1,"a",`, `[1,"a",0`, `[1,"a",1]`,
		`[1,"a",00]`, `[1,"a",0.0]`, `[1,"a",null,"c"]`, `[1,"a",0"c"]`, `[1, "a",0]`, `[1,"a","é\"","c"]`, `[1,"a","b"]x`, `[1,0,"b"]`} {
		f.Add(text)
	}
	f.Fuzz(checkReadLine)
}

func checkReadLine(t *testing.T, text string) {
	t.Helper()
	var at int64
	var to, note string
	var by any
	if json.Unmarshal([]byte(text), &[]any{&at, &to, &by, &note}) != nil {
		return // nobody wrote it
	}
	name, _ := by.(string)
	got, err := journal.ReadLine(text)
	if want := fmt.Sprint(at, to, name, by == 0.0, note); err != nil || got != want {
		t.Errorf("%q is read as %s, %v; want %s", text, got, err, want)
	}
}

// FuzzEventText holds the text of an event against encoding/json's: order systems read
// the one, and whatever reads an outbox the other.
func FuzzEventText(f *testing.F) {
	f.Add("r-1", "100.00", "", `{"order":"1001"}`)
	f.Add("r-1", "", "proven_by_total", "{\"название\":\"a\\nb <&>\u2028\"}")
	f.Add("", "\x00\xff", "\"\\", "\t")
	f.Fuzz(func(t *testing.T, id, amount, reasonCode, metadata string) {
		if text, encoded := journal.EventTexts(id, amount, reasonCode, metadata); text != encoded {
			t.Errorf("told as %s\nwant    %s", text, encoded)
		}
	})
}
