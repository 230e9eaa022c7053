package statement_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/refund"
	"refundworker/statement"
)

func at(day, hour int) time.Time { return time.Date(2025, 1, day, hour, 0, 0, 0, time.UTC) }

var january = statement.Period{Since: at(1, 0), Until: at(32, 0), Slack: 72 * time.Hour}

// entry is a refund "ID PAYMENT MINOR STATE DAY [PROVIDER-ID]"; MINOR - is not
// known.
func entry(t *testing.T, text string) statement.Entry {
	t.Helper()
	var e statement.Entry
	var minor string
	var day int
	if _, err := fmt.Sscan(text+" -", &e.RefundID, &e.Payment, &minor, &e.State, &day, &e.ProviderRefundID); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	e.ProviderRefundID = strings.TrimPrefix(e.ProviderRefundID, "-")
	e.Amount.Currency, e.Since, e.Version = "RUB", at(day, 12), 1
	if minor != "-" {
		e.Known = true
		fmt.Sscan(minor, &e.Amount.Minor)
	}
	return e
}

// row is "PAYMENT MINOR DAY [ID]"; PAYMENT - and DAY 0 are not said.
func row(t *testing.T, line int, text string) statement.Row {
	t.Helper()
	r := statement.Row{Line: line, Amount: refund.Money{Currency: "RUB"}}
	var day int
	if _, err := fmt.Sscan(text+" -", &r.Payment, &r.Amount.Minor, &day, &r.ID); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	r.Payment, r.ID = strings.TrimPrefix(r.Payment, "-"), strings.TrimPrefix(r.ID, "-")
	if day != 0 {
		r.Time = at(day, 12)
	}
	return r
}

// said is findings as text: "KIND LINE REFUND", a dash for what is not there.
func said(found []statement.Finding) string {
	var list []string
	for _, f := range found {
		line, id := "-", "-"
		if f.Row != nil {
			line = fmt.Sprint(f.Row.Line)
		}
		if f.Entry != nil {
			id = f.Entry.RefundID
		}
		list = append(list, fmt.Sprintf("%s %s %s", f.Kind, line, id))
	}
	return strings.Join(list, ", ")
}

func TestComparison(t *testing.T) {
	for name, c := range map[string]struct {
		rows    []string
		entries []string
		want    string
		note    string // of the first finding
	}{
		"one of each matches":                    {[]string{"1 100 5"}, []string{"a 1 100 succeeded 5"}, "matched 1 a", ""},
		"nothing at all":                         {nil, nil, "", ""},
		"not in the journal":                     {[]string{"1 100 5"}, nil, "missing_here 1 -", ""},
		"not in the statement":                   {nil, []string{"a 1 100 succeeded 5"}, "missing_there - a", ""},
		"succeeded outside of the period":        {nil, []string{"a 1 100 succeeded 40"}, "", ""},
		"declined, and not in the statement":     {nil, []string{"a 1 100 declined 5"}, "", ""},
		"another amount":                         {[]string{"1 90 5"}, []string{"a 1 100 succeeded 5"}, "other_amount 1 a", ""},
		"moved there, unknown here":              {[]string{"1 100 5"}, []string{"a 1 100 unknown 5"}, "other_state 1 a", ""},
		"moved there, in review here":            {[]string{"1 100 5"}, []string{"a 1 100 review 50"}, "other_state 1 a", ""},
		"moved there, declined here":             {[]string{"1 100 5"}, []string{"a 1 100 declined 6"}, "other_state 1 a", ""},
		"moved there, declined long before":      {[]string{"1 100 5"}, []string{"a 1 100 declined -90"}, "missing_here 1 -", "refund a of this payment and amount is declined since"},
		"moved there, queued here":               {[]string{"1 100 5"}, []string{"a 1 100 queued 5"}, "other_state 1 a", ""},
		"moved there by part, in review here":    {[]string{"1 60 5"}, []string{"a 1 100 review 5"}, "other_state 1 a", "the amounts differ"},
		"moved there by part, queued here":       {[]string{"1 60 5"}, []string{"a 1 100 queued 5"}, "missing_here 1 -", ""},
		"a success is believed before a review":  {[]string{"1 100 5"}, []string{"a 1 100 review 5", "b 1 100 succeeded 6"}, "matched 1 b", ""},
		"a review before another amount":         {[]string{"1 100 5"}, []string{"a 1 90 succeeded 5", "b 1 100 review 5"}, "other_state 1 b, missing_there - a", ""},
		"a full refund without a figure matches": {[]string{"1 100 5"}, []string{"a 1 - succeeded 5"}, "matched 1 a", "the journal does not know its amount"},
		"an exact one is taken before that":      {[]string{"1 100 5"}, []string{"a 1 - succeeded 5", "b 1 100 succeeded 5"}, "missing_there - a, matched 1 b", ""},
		"two equal ones, both there":             {[]string{"1 100 5", "1 100 6"}, []string{"a 1 100 succeeded 5", "b 1 100 succeeded 6"}, "matched 1 a, matched 2 b", ""},
		"two equal ones there, one here":         {[]string{"1 100 5", "1 100 9"}, []string{"a 1 100 succeeded 8"}, "missing_here 1 -, matched 2 a", "1 refunds of this payment"},
		"two equal ones here, one there":         {[]string{"1 100 9"}, []string{"a 1 100 succeeded 5", "b 1 100 succeeded 8"}, "missing_there - a, matched 1 b", ""},
		"equal ones without a time":              {[]string{"1 100 0", "1 100 0"}, []string{"a 1 100 succeeded 5", "b 1 100 succeeded 8"}, "matched 1 a, matched 2 b", ""},
		"an id decides between equal ones":       {[]string{"1 100 5 r2"}, []string{"a 1 100 succeeded 5 r1", "b 1 100 succeeded 9 r2"}, "missing_there - a, matched 1 b", ""},
		"an id finds another amount":             {[]string{"1 90 5 r2"}, []string{"a 1 90 succeeded 5 r1", "b 1 100 succeeded 5 r2"}, "other_amount 1 b, missing_there - a", ""},
		"an id finds another state":              {[]string{"1 100 5 r1"}, []string{"a 1 100 accepted 5 r1"}, "other_state 1 a", ""},
		"an id alone is enough":                  {[]string{"- 100 5 r1"}, []string{"a 1 100 succeeded 5 r1"}, "matched 1 a", ""},
		"our own id is one":                      {[]string{"- 100 5 a"}, []string{"a 1 100 succeeded 5 r1"}, "matched 1 a", ""},
		"an id of another payment is none":       {[]string{"2 100 5 r1"}, []string{"a 1 100 succeeded 5 r1"}, "missing_here 1 -, missing_there - a", ""},
		"an id twice is two rows":                {[]string{"1 100 5 r1", "1 100 5 r1"}, []string{"a 1 100 succeeded 5 r1"}, "missing_here 2 -, matched 1 a", ""},
		"other ids, the same payment and amount": {[]string{"1 100 5 x"}, []string{"a 1 100 succeeded 5 r1"}, "matched 1 a", "the ids differ"},
		"near the end, in the next statement":    {nil, []string{"a 1 100 succeeded 31"}, "missing_there - a", "near the end of the period"},
		"the provider booked it a day later":     {[]string{"1 100 31"}, []string{"a 1 100 succeeded 32"}, "matched 1 a", ""},
		"the same long after is not the same":    {[]string{"1 100 5"}, []string{"a 1 100 succeeded 60"}, "missing_here 1 -", "refund a of this payment and amount is succeeded since"},
	} {
		var rows []statement.Row
		for i, text := range c.rows {
			rows = append(rows, row(t, i+1, text))
		}
		comparison := statement.NewComparison(rows, january)
		for _, text := range c.entries {
			if err := comparison.Add(entry(t, text)); err != nil {
				t.Fatal(err)
			}
		}
		found := comparison.Findings()
		if got := said(found); got != c.want {
			t.Errorf("%s: got %s; want %s", name, got, c.want)
		}
		if c.note != "" && (len(found) == 0 || !strings.Contains(found[0].Note, c.note)) {
			t.Errorf("%s: got %+v, want the note %s", name, found, c.note)
		}
	}
}

func TestAnotherCurrencyIsAnotherAmount(t *testing.T) {
	r := row(t, 1, "1 100 5")
	r.Amount.Currency = "EUR"
	c := statement.NewComparison([]statement.Row{r}, january)
	if err := c.Add(entry(t, "a 1 100 succeeded 5")); err != nil {
		t.Fatal(err)
	}
	if found := c.Findings(); said(found) != "other_amount 1 a" || found[0].Note != "the journal has it in RUB" {
		t.Errorf("got %+v", found)
	}
}

func TestTheLaterWordOfARefundCounts(t *testing.T) {
	c := statement.NewComparison([]statement.Row{row(t, 1, "1 100 5")}, january)
	before, after := entry(t, "a 1 100 unknown 5"), entry(t, "a 1 100 succeeded 5")
	after.Version = 2
	for _, e := range []statement.Entry{before, after, before} {
		if err := c.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if got := said(c.Findings()); got != "matched 1 a" {
		t.Errorf("got %s", got)
	}
}

func TestOnlyWhatIsNotExplainedIsLookedUp(t *testing.T) {
	c := statement.NewComparison([]statement.Row{row(t, 1, "1 100 5"), row(t, 2, "2 100 5"), row(t, 3, "2 50 5"), row(t, 4, "- 100 5 r9")}, january)
	if err := c.Add(entry(t, "a 1 100 succeeded 5")); err != nil {
		t.Fatal(err)
	}
	if payments, bare := c.Unmatched(); len(payments) != 1 || payments[0] != "2" || bare != 1 {
		t.Errorf("got %v, %d", payments, bare)
	}
}

func TestPeriodIsThatOfTheRows(t *testing.T) {
	moscow, err := statement.ParseZone("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	rows := []statement.Row{{Line: 1, Time: at(5, 22)}, {Line: 2, Time: at(3, 1)}, {Line: 3}}
	p := statement.Period{}.Of(rows, moscow)
	if want := time.Date(2025, 1, 3, 0, 0, 0, 0, moscow); !p.Since.Equal(want) {
		t.Errorf("since %s", p.Since)
	}
	if want := time.Date(2025, 1, 7, 0, 0, 0, 0, moscow); !p.Until.Equal(want) {
		t.Errorf("until %s", p.Until)
	}
	kept, outside := statement.Period{Since: at(4, 0)}.Cut(rows)
	if len(kept) != 2 || outside != 1 || kept[1].Line != 3 {
		t.Errorf("got %v, %d", kept, outside)
	}
	if p := (statement.Period{}).Of(rows[2:], nil); !p.Since.IsZero() || !p.Until.IsZero() {
		t.Errorf("got %+v", p)
	}
}

// Whatever is compared: every row and every refund that is due stands in exactly
// one finding, and what matches is of one payment and one amount.
func TestNothingIsCountedTwiceOrLost(t *testing.T) {
	states := []refund.State{refund.Succeeded, refund.Succeeded, refund.Succeeded, refund.Review, refund.Unknown, refund.Declined, refund.Queued}
	rapid.Check(t, func(rt *rapid.T) {
		var rows []statement.Row
		for i := range rapid.IntRange(0, 12).Draw(rt, "rows") {
			rows = append(rows, statement.Row{Line: i + 1, Payment: fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "payment")), ID: rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(rt, "id"),
				Amount: refund.Money{Minor: int64(rapid.IntRange(1, 3).Draw(rt, "minor")), Currency: "RUB"}, Time: at(rapid.IntRange(1, 31).Draw(rt, "day"), 0)})
		}
		c := statement.NewComparison(rows, january)
		due := map[string]bool{}
		for i := range rapid.IntRange(0, 12).Draw(rt, "refunds") {
			e := statement.Entry{RefundID: fmt.Sprint("e", i), Payment: fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "payment")), ProviderRefundID: rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(rt, "id"),
				Amount: refund.Money{Minor: int64(rapid.IntRange(1, 3).Draw(rt, "minor")), Currency: "RUB"}, Known: rapid.Bool().Draw(rt, "known"),
				State: rapid.SampledFrom(states).Draw(rt, "state"), Since: at(rapid.IntRange(-5, 40).Draw(rt, "day"), 0)}
			if err := c.Add(e); err != nil {
				rt.Fatal(err)
			}
			if e.State == refund.Succeeded && !e.Since.Before(january.Since) && e.Since.Before(january.Until) {
				due[e.RefundID] = true
			}
		}
		seenRow, seenEntry := map[int]bool{}, map[string]bool{}
		for _, f := range c.Findings() {
			if f.Row != nil {
				if seenRow[f.Row.Line] {
					rt.Fatalf("row %d twice", f.Row.Line)
				}
				seenRow[f.Row.Line] = true
			}
			if f.Entry != nil {
				if seenEntry[f.Entry.RefundID] {
					rt.Fatalf("refund %s twice", f.Entry.RefundID)
				}
				seenEntry[f.Entry.RefundID] = true
				delete(due, f.Entry.RefundID)
			}
			if f.Kind == statement.Matched && (f.Row.Payment != f.Entry.Payment || f.Entry.State != refund.Succeeded || f.Entry.Known && f.Row.Amount != f.Entry.Amount) {
				rt.Fatalf("matched: %+v, %+v", *f.Row, *f.Entry)
			}
		}
		if len(seenRow) != len(rows) || len(due) > 0 {
			rt.Fatalf("%d of %d rows, refunds not told: %v", len(seenRow), len(rows), due)
		}
	})
}

func TestMoreThanFitsIsAnError(t *testing.T) {
	c := statement.NewComparison(nil, january)
	var err error
	for i := 0; err == nil && i <= statement.MaxRows; i++ {
		err = c.Add(statement.Entry{RefundID: fmt.Sprint(i), State: refund.Succeeded, Since: at(5, 0)})
	}
	if !errors.Is(err, statement.ErrTooMany) {
		t.Errorf("got %v", err)
	}
}
