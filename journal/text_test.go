package journal_test

import (
	"encoding/json"
	"reflect"
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
		entry := []any{a, b}
		if b == "" {
			entry = entry[:1]
		}
		if got, want := journal.EntryLine(refund.Declined, a, b), ","+list(append([]any{"declined"}, entry...)...)[1:]; got != want {
			t.Errorf("entry %s, want %s", got, want)
		}

		attempt := journal.Attempt{Number: 1, Outcome: a, Code: b, Baseline: "100", Message: b}
		if at != 0 {
			attempt.EndedAt = time.UnixMilli(at).UTC()
		}
		want := list(at, a, b, "100", "")
		switch {
		case part != "":
			attempt.Parts = []providers.Part{{Operation: part}}
			want = list(at, a, b, "100", "", b, attempt.Parts)
		case b != "":
			want = list(at, a, b, "100", "", b)
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
	for _, text := range []string{`[0,"running","","","10000"]`, `[1767268800000,"succeeded","","0","100","The refund was successful."]`, `[1,"a","b","","",""]`, ``, `[`, `[1`, `[1]`, `[1,]`,
		`[1,"a"`, `[1,"a"]x`, `[1,"a",]`, `[1,2]`, `["1"]`, `[1.5,"a"]`, `[1, "a"]`, `[1,"a\"b"]`, `[1,"a","b","c","d","e",[{"amount":"1"}]]`, `[1,"a","b","c","d","e","f"]`, `[1,"a",null]`, `[null]`, `[1,"é"]`, `[1,"<"]`} {
		f.Add(text)
	}
	f.Fuzz(checkReadAttempt)
}

func checkReadAttempt(t *testing.T, text string) {
	t.Helper()
	want := journal.Attempt{Number: 1}
	var ended int64
	bad := json.Unmarshal([]byte(text), &[]any{&ended, &want.Outcome, &want.Code, &want.Baseline, &want.Minor, &want.Message, &want.Parts})
	if bad != nil {
		return // whatever it is read as, nobody wrote it
	}
	if ended != 0 {
		want.EndedAt = time.UnixMilli(ended).UTC()
	}
	if got, err := journal.ReadAttempt(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
	}
}
