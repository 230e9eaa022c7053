package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// enqueue takes a refund in.
func enqueue(t *testing.T, s *cli.Session, r refund.Request) tasks.Receipt {
	t.Helper()
	got, err := tasks.NewEnqueuer(s.Backend, s.Config).Enqueue(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func request(id, payment, amount string) refund.Request {
	return refund.Request{RefundID: id, Provider: "unitpay", PaymentID: payment, Amount: amount, Currency: "RUB"}
}

// bring brings a refund into a state.
func bring(t *testing.T, s *cli.Session, id string, to refund.State, set map[string]string) {
	t.Helper()
	rec, err := s.Backend.Journal.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backend.Journal.Apply(t.Context(), rec, journal.Step{To: to, NoDue: true, By: "test", Set: set}); err != nil {
		t.Fatal(err)
	}
}

// bench has the refunds a (queued), b (in review), p (in review after a
// partial outcome) and c (canceled), and d, which was refused as a duplicate of
// a.
func bench(t *testing.T) (*clitest.Bench, *cli.Session) {
	t.Helper()
	b := clitest.New(t, run)
	s := b.Session(t)
	a := request("a", "1", "1.00")
	a.Reason, a.Metadata = "=1+1", map[string]string{"order": "17"}
	enqueue(t, s, a)
	enqueue(t, s, request("b", "2", "2.00"))
	enqueue(t, s, request("p", "3", "3.00"))
	enqueue(t, s, request("c", "4", ""))
	if got := enqueue(t, s, request("d", "1", "1")); got.Status != tasks.Duplicate {
		t.Fatalf("%+v", got)
	}
	bring(t, s, "b", refund.Review, map[string]string{"reason_code": "not_proven"})
	bring(t, s, "p", refund.Review, map[string]string{"reason_code": "partial", "partial": "1"})
	bring(t, s, "c", refund.Canceled, nil)
	return b, s
}

// lines reads standard output as one JSON object a line.
func lines(t *testing.T, r clitest.Result) []map[string]any {
	t.Helper()
	var list []map[string]any
	dec := json.NewDecoder(strings.NewReader(r.Stdout))
	for dec.More() {
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			t.Fatalf("%v: %+v", err, r)
		}
		list = append(list, m)
	}
	if len(list) != strings.Count(r.Stdout, "\n") {
		t.Errorf("%d objects on other than their lines: %q", len(list), r.Stdout)
	}
	return list
}

func TestShow(t *testing.T) {
	b, _ := bench(t)
	got := b.Run("show", "a", "-o", "json").Object(t)
	for _, name := range []string{"refund_id", "provider", "payment_id", "amount", "currency", "state", "reason_code", "provider_refund_id",
		"created_at", "updated_at", "attempts", "history", "window_ends_at"} {
		if _, there := got[name]; !there {
			t.Errorf("show lacks %s: %v", name, got)
		}
	}
	if got["amount"] != "1.00" || got["state"] != "queued" || got["window_ends_at"] != nil {
		t.Errorf("got %v", got)
	}
	if r := b.Run("show", "a"); r.Status != cli.OK || !strings.Contains(r.Stdout, "state ") || !strings.Contains(r.Stdout, "enqueue") {
		t.Errorf("%+v", r)
	}
	list := lines(t, b.Run("show", "--payment", "unitpay/0001", "-o", "json"))
	if len(list) != 1 || list[0]["refund_id"] != "a" || list[0]["history"] != nil {
		t.Errorf("by payment: %v", list)
	}
	if list := lines(t, b.Run("show", "--payment", "unitpay/1", "-o", "json", "--full")); len(list) != 1 || list[0]["history"] == nil {
		t.Errorf("by payment, full: %v", list)
	}
	if r := b.Run("show", "--payment", "unitpay/1"); r.Status != cli.OK || !strings.HasPrefix(r.Stdout, "REFUND ") {
		t.Errorf("%+v", r)
	}
}

func TestWhatRepeatsTheReceiptIsMaskedInEveryOutput(t *testing.T) {
	b, s := bench(t)
	q := request("m", "9", "9.00")
	q.Reason, q.Metadata = "Ivan@example.com wants it", map[string]string{"call": "7 912 345 67 89", "order": "<9>"}
	q.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "book", Count: "1", Price: "9.00"}}, CustomerEmail: "ivan@example.com", CustomerPhone: "+79123456789"}
	enqueue(t, s, q)
	rec, err := s.Backend.Journal.Get(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backend.Journal.Apply(t.Context(), rec, journal.Step{To: refund.Canceled, NoDue: true, By: "olga", Note: "told IVAN@example.com"}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"show m", "show m -o json", "show --payment unitpay/9", "list --state canceled", "list -o csv", "list -o json --full", "export", "export -o jsonl"} {
		r := b.Run(strings.Fields(line)...)
		if out := strings.ToLower(r.Stdout); r.Status != cli.OK || !strings.Contains(out, "m") || strings.Contains(out, "ivan@") || strings.Contains(out, "345") {
			t.Errorf("%s: %+v", line, r)
		}
	}
	got := b.Run("show", "m", "-o", "json").Object(t)
	if said := got["metadata"].(map[string]any); got["reason"] != "i***@example.com wants it" || said["call"] != "***89" || said["order"] != "<9>" {
		t.Errorf("shown as %v", got)
	}
	// Who works with the refund gets it as it was given.
	if rec, err = s.Backend.Journal.Get(t.Context(), "m"); err != nil || rec.Reason != q.Reason || !maps.Equal(rec.MetadataMap(), q.Metadata) {
		t.Errorf("the record has %q, %q, error %v", rec.Reason, rec.Metadata, err)
	}
	if err := s.Backend.Journal.Relay(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	events, err := s.Backend.Redis.XRevRangeN(t.Context(), journal.Events, "+", "-", 1).Result()
	if err != nil || len(events) != 1 || events[0].Values["metadata"] != rec.Metadata {
		t.Errorf("the event is %v, error %v", events, err)
	}
}

func TestShowSaysWhyThereIsNothing(t *testing.T) {
	b, _ := bench(t)
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"an unknown refund":        {[]string{"show", "nope"}, cli.Failed, `no refund "nope" is known`},
		"a refused one":            {[]string{"show", "d"}, cli.Failed, "refund d was refused as a duplicate of a"},
		"a payment without any":    {[]string{"show", "--payment", "unitpay/77"}, cli.Failed, "no refund of payment 77"},
		"a payment that is none":   {[]string{"show", "--payment", "unitpay/x"}, cli.Invalid, "payment_id: must be digits"},
		"neither of the two":       {[]string{"show"}, cli.Usage, "name a refund"},
		"both of the two":          {[]string{"show", "a", "--payment", "unitpay/1"}, cli.Usage, "name a refund"},
		"a payment of no provider": {[]string{"show", "--payment", "1"}, cli.Usage, "PROVIDER/PAYMENT_ID"},
	} {
		if r := b.Run(c.args...); r.Status != c.status || !strings.Contains(r.Stderr, c.want) || r.Stdout != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if got := b.Run("show", "d", "-o", "json").Object(t); got["status"] != "duplicate" || got["existing_id"] != "a" || got["rule"] != "duplicate" {
		t.Errorf("refused: %v", got)
	}
	if got := b.Run("show", "nope", "-o", "json").Object(t); got["status"] != "not_found" || got["refund_id"] != "nope" {
		t.Errorf("unknown: %v", got)
	}
}

func TestList(t *testing.T) {
	b, _ := bench(t)
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"all":                {nil, 4},
		"those in review":    {[]string{"--state", "review"}, 2},
		"those of one":       {[]string{"--provider", "unitpay", "--state", "queued"}, 1},
		"those of another":   {[]string{"--provider", "maib"}, 0},
		"since an hour":      {[]string{"--since", "1h"}, 4},
		"since tomorrow":     {[]string{"--since", time.Now().Add(24 * time.Hour).Format(time.RFC3339)}, 0},
		"with their history": {[]string{"--full"}, 4},
	} {
		r := b.Run(append([]string{"list", "-o", "json"}, c.args...)...)
		list := lines(t, r)
		if len(list) != c.want || r.Status != cli.OK {
			t.Errorf("%s: %+v", name, r)
		}
		for _, v := range list {
			if _, full := v["history"]; full != (name == "with their history") {
				t.Errorf("%s: %v", name, v)
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(b.Run("list", "-o", "csv", "--state", "queued").Stdout)).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][0] != "refund_id" || rows[1][9] != "'=1+1" || rows[1][3] != "1.00" {
		t.Errorf("%v, %v", rows, err)
	}
	if r := b.Run("list", "--state", "review"); strings.Count(r.Stdout, "\n") != 3 || !strings.Contains(r.Stdout, "not_proven") {
		t.Errorf("%+v", r)
	}
	if r := b.Run("list", "--state", "lost"); r.Status != cli.Usage {
		t.Errorf("%+v", r)
	}
	if r := b.Run("list", "--provider", "paypal"); r.Status != cli.OK || !strings.Contains(r.Stderr, `provider "paypal" is not configured`) {
		t.Errorf("%+v", r)
	}
}

func TestDecisions(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		status int
		want   map[string]any
	}{
		"a review is resolved as succeeded":       {"resolve b --outcome succeeded --note seen", cli.OK, map[string]any{"state": "succeeded", "amount_moved": "2.00"}},
		"a review is resolved as declined":        {"resolve b --outcome declined --note seen", cli.OK, map[string]any{"state": "declined", "amount_moved": "0.00"}},
		"a partial one is resolved with moved":    {"resolve p --outcome succeeded --moved 1.50 --note seen", cli.OK, map[string]any{"state": "succeeded", "amount_moved": "1.50"}},
		"a partial one is not without":            {"resolve p --outcome succeeded --note seen", cli.Invalid, map[string]any{"status": "invalid", "rule": "moved"}},
		"nothing is resolved without a note":      {"resolve b --outcome succeeded", cli.Invalid, map[string]any{"status": "invalid", "rule": "note", "state": "review"}},
		"what is queued is not resolved":          {"resolve a --outcome succeeded --note seen", cli.Failed, map[string]any{"status": "not_possible", "state": "queued"}},
		"what is unknown is not resolved":         {"resolve x --outcome succeeded --note seen", cli.Failed, map[string]any{"status": "not_found"}},
		"a refused one is not resolved":           {"resolve d --outcome succeeded --note seen", cli.Failed, map[string]any{"status": "duplicate", "existing_id": "a"}},
		"a retry is asked of a worker":            {"retry b --note again", cli.OK, map[string]any{"state": "review"}},
		"a partial one is not tried again":        {"retry p --note again --accept-risk", cli.Failed, map[string]any{"status": "not_possible"}},
		"nothing is tried again without a note":   {"retry b", cli.Invalid, map[string]any{"rule": "note"}},
		"a queued one is canceled":                {"cancel a --note wrong", cli.OK, map[string]any{"state": "canceled", "reason_code": "canceled"}},
		"a canceled one is canceled already":      {"cancel c --note wrong", cli.OK, map[string]any{"state": "canceled"}},
		"one in review is not canceled":           {"cancel b --note wrong", cli.Failed, map[string]any{"status": "not_possible", "state": "review"}},
		"nothing is canceled without a note":      {"cancel a", cli.Invalid, map[string]any{"rule": "note"}},
		"more than was asked can't have moved":    {"resolve b --outcome succeeded --moved 2.01 --note x", cli.Invalid, map[string]any{"rule": "moved"}},
		"an amount that is none can't have moved": {"resolve b --outcome succeeded --moved 1,5 --note x", cli.Invalid, map[string]any{"rule": "moved"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s := bench(t)
			r := b.Run(append(strings.Fields(c.line), "-o", "json", "--by", "olga")...)
			got := r.Object(t)
			if r.Status != c.status {
				t.Errorf("exit status %d, want %d: %+v", r.Status, c.status, r)
			}
			for k, want := range c.want {
				if got[k] != want {
					t.Errorf("%s is %v, want %v", k, got[k], want)
				}
			}
			if r.Status != cli.OK || strings.HasPrefix(c.line, "cancel c") {
				return
			}
			id := strings.Fields(c.line)[1]
			rec, err := s.Backend.Journal.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			h, err := s.Backend.Journal.History(t.Context(), rec)
			if err != nil || h[len(h)-1].By != "olga" || h[len(h)-1].Note == "" {
				t.Errorf("history: %+v, %v", h, err)
			}
		})
	}
}

func TestWrongCommandLines(t *testing.T) {
	b := clitest.New(t, run)
	for _, line := range []string{"", "nope", "show a b", "list x", "list --nope", "list -o xml", "list --full", "list --since yesterday",
		"resolve", "resolve a --note x", "resolve a --outcome lost --note x", "retry", "cancel", "pause", "pause unitpay --all",
		"export --since 2025-02-01 --until 2025-01-01", "export -o text", "watch --count -1", "stats -o csv"} {
		if r := b.Run(strings.Fields(line)...); r.Status != cli.Usage || r.Stdout != "" {
			t.Errorf("%q: %+v", line, r)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	b, _ := bench(t)
	got := b.Run("pause", "unitpay", "--note", "bank holiday", "-o", "json").Object(t)
	if got["paused"] != true || got["reason"] != "operator" || got["detail"] != "bank holiday" || !strings.HasPrefix(got["by"].(string), "anna") {
		t.Errorf("got %v", got)
	}
	if r := b.Run("stats"); !strings.Contains(r.Stdout, "unitpay is paused (operator) since ") || !strings.Contains(r.Stdout, "bank holiday") || !strings.Contains(r.Stdout, "maib runs") {
		t.Errorf("%+v", r)
	}
	if list := lines(t, b.Run("pause", "--all", "-o", "json")); len(list) != 4 || list[3]["paused"] != true {
		t.Errorf("all: %v", list)
	}
	for _, v := range lines(t, b.Run("resume", "--all", "-o", "json")) {
		if v["paused"] != false {
			t.Errorf("resumed: %v", v)
		}
	}
	if r := b.Run("pause", "paypal"); r.Status != cli.Invalid || !strings.Contains(r.Stderr, `"paypal" is not configured`) {
		t.Errorf("%+v", r)
	}
}

func TestStats(t *testing.T) {
	b, _ := bench(t)
	var got statistics
	r := b.Run("stats", "-o", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatal(err)
	}
	var figures []string
	for _, s := range got.States {
		figures = append(figures, s.Provider, string(s.State), string(rune('0'+s.Count)))
	}
	if strings.Join(figures, " ") != "unitpay queued 1 unitpay review 2 unitpay canceled 1" || len(got.Providers) != 4 {
		t.Errorf("got %+v", got)
	}
}

func TestExport(t *testing.T) {
	b, s := bench(t)
	bring(t, s, "b", refund.Succeeded, map[string]string{"moved": "200"})
	rows, err := csv.NewReader(strings.NewReader(b.Run("export", "--since", "1h", "--until", "2100-01-01").Stdout)).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "b" || rows[1][4] != "2.00" || rows[2][0] != "c" || rows[0][len(rows[0])-1] != "settled_at" {
		t.Errorf("%v, %v", rows, err)
	}
	list := lines(t, b.Run("export", "-o", "jsonl"))
	if len(list) != 2 || list[0]["amount_moved"] != "2.00" || list[0]["settled_at"] == "" {
		t.Errorf("%v", list)
	}
	if rows, err := csv.NewReader(strings.NewReader(b.Run("export", "--until", "1h").Stdout)).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("before an hour ago: %v, %v", rows, err)
	}
}

func TestAfterRestore(t *testing.T) {
	b, s := bench(t)
	marked := func() bool {
		rec, err := s.Backend.Journal.Get(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return rec.Restored
	}
	if r := b.Run("after-restore"); r.Status != cli.OK || !strings.Contains(r.Stdout, "after-restore --done") || !marked() {
		t.Errorf("%+v", r)
	}
	if r := b.Run("cancel", "a", "--note", "not needed"); r.Status != cli.Failed || !strings.Contains(r.Stderr, "restored from a backup") {
		t.Errorf("%+v", r)
	}
	// It had no attempt since, so it is compared all the same.
	if r := b.Run("after-restore", "--done"); r.Status != cli.OK || !marked() {
		t.Errorf("%+v", r)
	}
	if since, err := s.Backend.Journal.RestoredSince(t.Context()); err != nil || !since.IsZero() {
		t.Errorf("the mark stands since %s, %v", since, err)
	}
}

func TestWatch(t *testing.T) {
	b, s := bench(t)
	if _, err := s.Backend.Journal.RelayAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := lines(t, b.Run("watch", "--since", "1h", "--count", "3", "-o", "json"))
	if len(list) != 3 || list[0]["refund_id"] == "" || list[0]["seq"] != 2.0 {
		t.Errorf("what was: %v", list)
	}
	t.Run("shows what comes and nothing before", func(t *testing.T) {
		said := make(told, 1)
		done := make(chan clitest.Result)
		go func() { done <- b.RunTelling(t.Context(), said, "watch", "--count", "1") }()
		<-said // that it watches
		if r := b.Run("cancel", "a", "--note", "wrong"); r.Status != cli.OK {
			t.Fatalf("%+v", r)
		}
		if got := <-done; got.Status != cli.OK || !strings.Contains(got.Stdout, "canceled   a  unitpay/1  1.00 RUB") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("ends with Ctrl-C", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		said := make(told, 1)
		done := make(chan clitest.Result)
		go func() { done <- b.RunTelling(ctx, said, "watch") }()
		<-said
		cancel()
		if got := <-done; got.Status != cli.OK || got.Stdout != "" {
			t.Errorf("%+v", got)
		}
	})
}

// told passes on the first thing that a command says on standard error.
type told chan string

func (c told) Write(p []byte) (int, error) {
	select {
	case c <- string(p):
	default:
	}
	return len(p), nil
}

func TestRedisThatIsAway(t *testing.T) {
	b := clitest.New(t, run)
	b.Redis.Close()
	for _, line := range []string{"show a", "stats", "pause unitpay"} {
		if r := b.Run(strings.Fields(line)...); r.Status != cli.NoRedis || !strings.Contains(r.Stderr, "redis was not reached") {
			t.Errorf("%s: %+v", line, r)
		}
	}
}
