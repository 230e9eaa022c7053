package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/journal"
	"refundworker/refund"
)

const head = "provider,payment_id,amount,currency,reason\n"

// counts is a summary's figures: rows queued existing duplicate conflict invalid.
func counts(t *testing.T, r clitest.Result) string {
	t.Helper()
	got := r.Object(t)
	var list []string
	for _, name := range []string{"rows", "queued", "existing", "duplicate", "conflict", "invalid"} {
		list = append(list, fmt.Sprint(got[name]))
	}
	return strings.Join(list, " ")
}

func TestOneFile(t *testing.T) {
	const good = "unitpay,1,1.00,RUB,\nunitpay,2,,RUB,all\n"
	for name, c := range map[string]struct {
		text, want string
		status     int
		stderr     string
	}{
		"good rows are queued":             {head + good, "2 2 0 0 0 0", cli.OK, ""},
		"a header alone is no row":         {head, "0 0 0 0 0 0", cli.OK, ""},
		"the same content twice is one":    {head + "unitpay,1,1.00,RUB,\nunitpay,01,1,rub,again\n", "2 1 0 1 0 0", cli.Duplicate, ":3: duplicate of refund b-"},
		"bad rows do not stop good ones":   {head + "unitpay,x,1.001,RUB,\n" + good + "unitpay,3\n", "4 2 0 0 0 2", cli.Invalid, ":2: invalid: payment_id: must be digits, as UnitPay numbers its payments; amount: 1.001 has more"},
		"the same id twice is one refund":  {"refund_id," + head + "a,unitpay,1,1.00,RUB,\na,unitpay,1,1.00,RUB,\n", "2 1 1 0 0 0", cli.OK, ""},
		"an id for two things is conflict": {"refund_id," + head + "a,unitpay,1,1.00,RUB,\na,unitpay,1,2.00,RUB,\n", "2 1 0 0 1 0", cli.Invalid, ":3: conflict: refund a: "},
		"conflict goes before duplicate":   {"refund_id," + head + "a,unitpay,1,1.00,RUB,\nb,unitpay,1,1.00,RUB,\na,unitpay,1,2.00,RUB,\n", "3 1 0 1 1 0", cli.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := clitest.New(t, run)
			path := b.File(t, "f.csv", c.text)
			// A dry run foresees all of it and leaves no trace.
			for _, args := range [][]string{{"batch", path, "-o", "json", "--dry-run"}, {"batch", path, "-o", "json"}} {
				if keys := b.Redis.Keys(); len(keys) > 0 {
					t.Fatalf("there is something: %v", keys)
				}
				r := b.Run(args...)
				if got := counts(t, r); got != c.want || r.Status != c.status {
					t.Errorf("%v: got %s, status %d; want %s, %d\n%s", args, got, r.Status, c.want, c.status, r.Stderr)
				}
				if len(args) == 4 && (!strings.Contains(r.Stderr, c.stderr) || c.stderr == "" && c.status == cli.OK && r.Stderr != "") {
					t.Errorf("standard error: %q", r.Stderr)
				}
			}
		})
	}
}

func TestTheSummaryIsExact(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "f.csv", head+"unitpay,1,1.00,RUB,\n")
	if r := b.Run("batch", path, "-o", "json", "--batch-id", "x"); r.Stdout != `{"batch_id":"x","rows":1,"queued":1,"existing":0,"duplicate":0,"conflict":0,"invalid":0}`+"\n" {
		t.Errorf("%+v", r)
	}
	if r := b.Run("batch", path, "--batch-id", "x"); r.Stdout != "1 rows: 0 queued, 1 existing, 0 duplicate, 0 conflict, 0 invalid\n" || r.Stderr != "" {
		t.Errorf("%+v", r)
	}
}

func TestADryRunSumsUp(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "f.csv", head+"unitpay,1,0.10,RUB,\nunitpay,2,0.20,RUB,\nunitpay,3,,RUB,\nunitpay,1,0.1,RUB,twice\nunitpay,1,,RUB,all of it too\n"+
		"unitpay,9,5,EUR,\nsingle,1,1.00,RUB,\nsingle,1,2.00,RUB,second\nmaib,8ce09e40-2948-4225-a9c4-f277dbd587ea,7.30,MDL,x\n")
	r := b.Run("batch", path, "-o", "json", "--dry-run")
	var got summary
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := []total{{"maib", "MDL", 1, "7.30", 0}, {"single", "RUB", 1, "1.00", 0}, {"unitpay", "EUR", 1, "5.00", 0}, {"unitpay", "RUB", 3, "0.30", 1}}
	if fmt.Sprint(got.Totals) != fmt.Sprint(want) || !got.DryRun || got.Duplicate != 2 || got.Invalid != 1 {
		t.Errorf("got %+v", got)
	}
	for _, line := range []string{":5: duplicate: of line 2", ":6: duplicate: of line 2", ":9: invalid: one_refund_per_payment: line 8 refunds"} {
		if !strings.Contains(r.Stderr, line) {
			t.Errorf("%s is not told: %s", line, r.Stderr)
		}
	}
	if keys := b.Redis.Keys(); len(keys) > 0 {
		t.Errorf("something was written: %v", keys)
	}
	// The same against what is in the journal.
	if real := counts(t, b.Run("batch", path, "-o", "json")); real != "9 6 0 2 0 1" {
		t.Errorf("loading it came to %s", real)
	}
	if again := counts(t, b.Run("batch", path, "-o", "json", "--dry-run")); again != "9 0 6 2 0 1" {
		t.Errorf("a dry run after it came to %s", again)
	}
	other := b.File(t, "g.csv", head+"unitpay,1,,RUB,\nunitpay,2,0.05,RUB,\nsingle,1,3.00,RUB,\n")
	if got := counts(t, b.Run("batch", other, "-o", "json", "--dry-run")); got != "3 1 0 1 0 1" {
		t.Errorf("a dry run of another file came to %s", got)
	}
}

func TestLoadingAgainAddsNothing(t *testing.T) {
	b := clitest.New(t, run)
	load := func(name, text string, args ...string) string {
		t.Helper()
		return counts(t, b.Run(append([]string{"batch", b.File(t, name, text), "-o", "json"}, args...)...))
	}
	first := "unitpay,1,1.00,RUB,a\nunitpay,2,2.00,RUB,b\nunitpay,1,1.00,RUB,c\n"
	if got := load("f.csv", head+first); got != "3 2 0 1 0 0" {
		t.Errorf("first: %s", got)
	}
	if got := load("f.csv", head+first); got != "3 0 2 1 0 0" {
		t.Errorf("the same file: %s", got)
	}
	if got := load("g.csv", "reason;currency;amount;payment_id;provider\nc;RUB;1;1;unitpay\nb;rub;2.0;002;unitpay\na;RUB;1.00;1;unitpay\n"); got != "3 0 2 1 0 0" {
		t.Errorf("re-saved in another order: %s", got)
	}
	if got := load("h.jsonl", `{"provider":"unitpay","payment_id":"2","amount":"2","currency":"RUB"}`); got != "1 0 1 0 0 0" {
		t.Errorf("as JSON Lines: %s", got)
	}
	// Long after the window the refused row is still that refused row.
	decide(t, b.Session(t), idOf(t, b, "1"), refund.Declined)
	if got := load("f.csv", head+first); got != "3 0 2 1 0 0" {
		t.Errorf("after the window: %s", got)
	}
	if got := load("f.csv", head+first, "--dry-run"); got != "3 0 2 1 0 0" {
		t.Errorf("a dry run after the window: %s", got)
	}
	if got := load("f.csv", head+"unitpay,1,1.00,RUB,a\n", "--batch-id", "two"); got != "1 1 0 0 0 0" {
		t.Errorf("another batch: %s", got)
	}
}

// idOf returns the id of a payment's first refund.
func idOf(t *testing.T, b *clitest.Bench, payment string) string {
	t.Helper()
	list, err := b.Session(t).Backend.Journal.ByPayment(t.Context(), "unitpay", payment)
	if err != nil || len(list) == 0 {
		t.Fatalf("payment %s has no refund: %v", payment, err)
	}
	return list[0].ID
}

func TestRowsOfAFileYield(t *testing.T) {
	b := clitest.New(t, run)
	b.Run("batch", b.File(t, "f.csv", head+"unitpay,1,1.00,RUB,\n"), "--by", "night job")
	s := b.Session(t)
	rec, err := s.Backend.Journal.Get(t.Context(), idOf(t, b, "1"))
	if err != nil || !rec.Bulk {
		t.Fatalf("%+v, %v", rec, err)
	}
	if h, err := s.Backend.Journal.History(t.Context(), rec); err != nil || h[0].By != "night job" || rec.RequestedBy != "night job" {
		t.Errorf("history: %+v, %v", h, err)
	}
	if n, err := s.Backend.Queues.LLen(t.Context(), "asynq:{unitpay-bulk}:pending").Result(); n != 1 || err != nil {
		t.Errorf("%d tasks wait in the bulk queue, %v", n, err)
	}
}

func TestRejectedRowsCanBeCorrectedAndLoaded(t *testing.T) {
	for name, c := range map[string]struct{ file, text, mendFrom, mendTo string }{
		"in CSV":        {"f.csv", "\ufeffprovider;payment_id;amount;currency\nunitpay;1;1,50;RUB\nunitpay;2;2.00;RUB\n", "1,50", "1.50"},
		"in JSON Lines": {"f.jsonl", `{"provider":"unitpay","payment_id":"1","amount":"1,50","currency":"RUB"}` + "\n" + `{"provider":"unitpay","payment_id":"2","amount":"2.00","currency":"RUB"}`, "1,50", "1.50"},
	} {
		t.Run(name, func(t *testing.T) {
			b := clitest.New(t, run)
			rejects := filepath.Join(b.Folder, "rejects"+filepath.Ext(c.file))
			if r := b.Run("batch", b.File(t, c.file, c.text), "--rejects", rejects, "-o", "json"); counts(t, r) != "2 1 0 0 0 1" {
				t.Fatalf("%+v", r)
			}
			text, err := os.ReadFile(rejects)
			if err != nil || !strings.Contains(string(text), "is not a plain decimal number") {
				t.Fatalf("%s, %v", text, err)
			}
			if r := b.Run("batch", rejects, "-o", "json"); counts(t, r) != "1 0 0 0 0 1" {
				t.Errorf("uncorrected: %+v", r)
			}
			mended := strings.Replace(string(text), c.mendFrom, c.mendTo, 1)
			if r := b.Run("batch", b.File(t, "mended"+filepath.Ext(c.file), mended), "-o", "json"); counts(t, r) != "1 1 0 0 0 0" {
				t.Errorf("corrected: %+v", r)
			}
			if r := b.Run("batch", rejects, "--rejects", rejects); r.Status != cli.Usage {
				t.Errorf("the file that is read was written over: %+v", r)
			}
		})
	}
}

func TestStandardInput(t *testing.T) {
	b := clitest.New(t, run)
	for _, text := range []string{head + "unitpay,1,1.00,RUB,\nx", `{"provider":"unitpay","payment_id":"1","amount":"1.00","currency":"RUB"}` + "\nx"} {
		r := b.RunWith(t.Context(), text, "batch", "-", "-o", "json")
		if r.Status != cli.Invalid || !strings.Contains(r.Stderr, "stdin:") {
			t.Errorf("%+v", r)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	b := clitest.New(t, run)
	for name, c := range map[string]struct {
		path, want string
		status     int
	}{
		"an empty file":            {b.File(t, "empty.csv", ""), "empty.csv: is empty", cli.Invalid},
		"an unknown column":        {b.File(t, "col.csv", "provider,payment_id,currency,sum\n"), `col.csv:1: the header has the unknown column "sum"`, cli.Invalid},
		"a missing column":         {b.File(t, "miss.csv", "provider,currency\n"), "miss.csv:1: the header lacks the column payment_id", cli.Invalid},
		"a file that is not there": {b.Folder + "/none.csv", "no such file", cli.Failed},
		"a folder":                 {b.Folder, "is not a file", cli.Failed},
	} {
		if r := b.Run("batch", c.path); r.Status != c.status || !strings.Contains(r.Stderr, c.want) || r.Stdout != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := b.Run("batch", b.File(t, "empty.csv", ""), "-o", "json"); r.Status != cli.Invalid || r.Object(t)["error"] == nil {
		t.Errorf("%+v", r)
	}
}

// many is a file of n refunds.
func many(n int) string {
	var text strings.Builder
	text.WriteString(head)
	for i := range n {
		fmt.Fprintf(&text, "unitpay,%d,1.00,RUB,\n", i+1)
	}
	return text.String()
}

// during does something while a file of many is being loaded, which is seen by
// its first refund being there.
func during(t *testing.T, s *cli.Session, do func()) <-chan struct{} {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			list, err := s.Backend.Journal.ByPayment(context.Background(), "unitpay", "1")
			if err != nil || len(list) > 0 {
				do()
				return
			}
		}
	}()
	return done
}

func TestRedisThatGoesAwayMidway(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "f.csv", many(2000))
	s := b.Session(t) // not over the line
	line := b.Behind(t)
	done := during(t, s, line.Cut)
	r := b.Run("batch", path, "-o", "json")
	<-done
	if r.Status != cli.NoRedis || r.Object(t)["error"] == nil || !strings.Contains(r.Stderr, "run the same command again: nothing is paid twice") ||
		!strings.Contains(r.Stderr, "f.csv: stopped ") {
		t.Fatalf("%+v", r)
	}
	line.Mend()
	checkWhole(t, b, path, 2000)
}

func TestCtrlCMidway(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "f.csv", many(2000))
	ctx, cancel := context.WithCancel(t.Context())
	done := during(t, b.Session(t), cancel)
	r := b.RunWith(ctx, "", "batch", path, "-o", "json")
	<-done
	if r.Status != cli.Failed || !strings.Contains(r.Stderr, "f.csv: interrupted after line ") {
		t.Fatalf("%+v", r)
	}
	told := r.Object(t)["queued"].(float64)
	n := 0
	for _, err := range b.Session(t).Backend.Journal.List(t.Context(), journal.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if int(told) != n {
		t.Errorf("%v refunds were told, and %d are there", told, n)
	}
	checkWhole(t, b, path, 2000)
}

// checkWhole loads a file again and looks whether each row is there once.
func checkWhole(t *testing.T, b *clitest.Bench, path string, rows int) {
	t.Helper()
	r := b.Run("batch", path, "-o", "json")
	got := r.Object(t)
	if r.Status != cli.OK || got["queued"].(float64)+got["existing"].(float64) != float64(rows) {
		t.Errorf("loaded again: %+v", r)
	}
	n := 0
	for _, err := range b.Session(t).Backend.Journal.List(t.Context(), journal.Filter{State: refund.Queued}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != rows {
		t.Errorf("%d refunds are there, want %d", n, rows)
	}
}

func TestTwoLoadsOfOneFileAtATimePayOnce(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "f.csv", many(300))
	results := make(chan clitest.Result)
	for range 2 {
		go func() { results <- b.Run("batch", path, "-o", "json") }()
	}
	queued := 0.0
	for range 2 {
		r := <-results
		if r.Status != cli.OK {
			t.Errorf("%+v", r)
			continue
		}
		queued += r.Object(t)["queued"].(float64)
	}
	if queued != 300 {
		t.Errorf("%v refunds were queued, want 300", queued)
	}
	checkWhole(t, b, path, 300)
}
