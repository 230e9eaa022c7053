package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/journal"
	"refundworker/refund"
)

// split splits a command line at blanks.
func split(line string) []string { return strings.Fields(line) }

const plain = "refund --provider unitpay --payment 123 --amount 100.00 --currency RUB"

func TestOneRefund(t *testing.T) {
	for name, c := range map[string]struct {
		before, line string
		status       int
		want         map[string]any // fields of the object
	}{
		"is queued": {"", plain + " --id a", cli.OK,
			map[string]any{"refund_id": "a", "status": "queued", "state": "queued"}},
		"is the existing one under the same id": {plain + " --id a", plain + " --id a --reason other", cli.OK,
			map[string]any{"refund_id": "a", "status": "existing", "state": "queued"}},
		"is existing in another spelling": {plain + " --id a", "refund --provider unitpay --payment 00123 --amount 100 --currency rub --id a", cli.OK,
			map[string]any{"status": "existing"}},
		"is a duplicate of an open one": {plain + " --id a", plain + " --id b", cli.Duplicate,
			map[string]any{"refund_id": "b", "status": "duplicate", "state": "queued", "existing_id": "a", "window_ends_at": nil}},
		"stays a duplicate, also when it is waited for": {plain + " --id a", plain + " --wait 1h", cli.Duplicate,
			map[string]any{"status": "duplicate", "existing_id": "a"}},
		"in full is a duplicate of a part": {plain + " --id a", "refund --provider unitpay --payment 123 --currency RUB", cli.Duplicate,
			map[string]any{"status": "duplicate", "existing_id": "a"}},
		"waits behind the window if it is told to": {plain + " --id a", plain + " --id b --after-window", cli.OK,
			map[string]any{"refund_id": "b", "status": "queued"}},
		"is in conflict with another content of its id": {plain + " --id a", "refund --provider unitpay --payment 123 --amount 99.00 --currency RUB --id a", cli.Invalid,
			map[string]any{"refund_id": "a", "status": "conflict"}},
		"over the total is invalid": {"refund --provider unitpay --payment 123 --amount 80.00 --total 100.00 --currency RUB", "refund --provider unitpay --payment 123 --amount 30.00 --currency RUB", cli.Invalid,
			map[string]any{"status": "invalid", "rule": "payment_total"}},
		"is the payment's only one where there may be one": {"refund --provider single --payment 123 --amount 80.00 --currency RUB", "refund --provider single --payment 123 --amount 30.00 --currency RUB", cli.Invalid,
			map[string]any{"status": "invalid", "rule": "one_refund_per_payment"}},
		"that breaks a rule is invalid": {"", "refund --provider unitpay --payment 123 --amount 1.001 --currency RUB", cli.Invalid,
			map[string]any{"refund_id": "", "status": "invalid", "rule": "amount", "message": "amount: 1.001 has more decimals than RUB can hold (2)"}},
		"of an unknown provider is invalid": {"", "refund --provider paypal --payment 123 --currency RUB", cli.Invalid,
			map[string]any{"status": "invalid", "rule": "provider"}},
		"without a currency is invalid": {"", "refund --provider unitpay --payment 123", cli.Invalid,
			map[string]any{"status": "invalid", "rule": "currency"}},
		"with an id that is none is invalid": {"", plain + " --id a/b", cli.Invalid,
			map[string]any{"status": "invalid", "rule": "refund_id"}},
		"is open when the time is over": {"", plain + " --wait 10ms", cli.Open,
			map[string]any{"status": "queued", "state": "queued"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := clitest.New(t, run)
			if c.before != "" {
				if r := b.Run(split(c.before)...); r.Status != cli.OK {
					t.Fatalf("before: %+v", r)
				}
			}
			r := b.Run(append(split(c.line), "-o", "json")...)
			if r.Status != c.status {
				t.Errorf("exit status %d, want %d: %+v", r.Status, c.status, r)
			}
			got := r.Object(t)
			for k, want := range c.want {
				if v, there := got[k]; v != want || !there {
					t.Errorf("%s is %v, want %v", k, v, want)
				}
			}
		})
	}
}

func TestWrongCommandLines(t *testing.T) {
	b := clitest.New(t, run)
	for name, line := range map[string]string{
		"no command":                  "",
		"an unknown command":          "refunds",
		"an unknown flag":             plain + " --force",
		"an argument":                 plain + " 100",
		"no provider":                 "refund --payment 1 --currency RUB",
		"no payment":                  "refund --provider unitpay --currency RUB",
		"after the window without id": plain + " --after-window",
		"an unknown output":           plain + " -o xml",
		"a wait that is no time":      plain + " --wait 30",
		"a wait before now":           plain + " --wait -1s",
		"metadata without a value":    plain + " --metadata a",
		"metadata twice":              plain + " --metadata a=1 --metadata a=2",
		"no file":                     "batch",
		"two files":                   "batch a b",
		"a batch id without end":      "batch - --batch-id " + strings.Repeat("a", 201),
	} {
		if r := b.Run(split(line)...); r.Status != cli.Usage || r.Stdout != "" || !strings.Contains(r.Stderr, "--help") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if keys := b.Redis.Keys(); len(keys) > 0 {
		t.Errorf("something was written: %v", keys)
	}
	if r := b.Run("refund", "--help"); r.Status != cli.OK || !strings.Contains(r.Stdout, "--after-window") {
		t.Errorf("help: %+v", r)
	}
}

func TestWhatIsKeptOfARefund(t *testing.T) {
	b := clitest.New(t, run)
	receipt := b.File(t, "receipt.json", `{"items":[{"name":"tea","count":1,"price":100.00}],"customer_email":"a@example.com"}`)
	r := b.Run(append(split(plain+" --id a --total 500 --by shop --metadata order=17 --metadata b=c=d --receipt "+receipt), "--reason", "two words")...)
	if r.Status != cli.OK || r.Stdout != "queued: refund a is queued\n" || r.Stderr != "" {
		t.Fatalf("%+v", r)
	}
	s := b.Session(t)
	rec, err := s.Backend.Journal.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if rec.Reason != "two words" || rec.MetadataMap()["order"] != "17" || rec.MetadataMap()["b"] != "c=d" ||
		rec.Receipt == nil || rec.Receipt.Items[0].Price != "100.00" || *rec.Total != 50000 || rec.Bulk {
		t.Errorf("kept: %+v", rec)
	}
	if h, err := s.Backend.Journal.History(t.Context(), rec); err != nil || h[0].By != "shop" || rec.RequestedBy != "shop" {
		t.Errorf("history: %+v, %v, asked by %q", h, err, rec.RequestedBy)
	}
}

func TestWhoSitsAtTheTerminalAsksForTheRefund(t *testing.T) {
	b := clitest.New(t, run)
	b.Run(append(split(plain), "--id", "a")...)
	b.Run("batch", b.File(t, "f.csv", head+"unitpay,9,1.00,RUB,\n"))
	s := b.Session(t)
	for _, id := range []string{"a", idOf(t, b, "9")} {
		if rec, err := s.Backend.Journal.Get(t.Context(), id); err != nil || !strings.HasPrefix(rec.RequestedBy, "anna") {
			t.Errorf("%s: asked by %q, %v", id, rec.RequestedBy, err)
		}
	}
}

func TestReceiptsThatCantBeRead(t *testing.T) {
	b := clitest.New(t, run)
	bad := b.File(t, "bad.json", `{"items":[{"nam":"tea"}]}`)
	large := b.File(t, "large.json", strings.Repeat(" ", refund.MaxRequest+1))
	for name, c := range map[string]struct {
		file, want string
		status     int
	}{
		"a file that is not there":  {b.Folder + "/none", "no such file", cli.Failed},
		"a field that is unknown":   {bad, "nam: is not a field", cli.Invalid},
		"a file that is too large":  {large, "must be at most 65536 bytes", cli.Invalid},
		"a folder instead of a one": {b.Folder, "is a directory", cli.Failed},
	} {
		r := b.Run(split(plain + " -o json --receipt " + c.file)...)
		if message, _ := r.Object(t)["message"].(string); r.Status != c.status || !strings.Contains(message, c.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// decide settles a refund.
func decide(t *testing.T, s *cli.Session, id string, to refund.State) {
	t.Helper()
	rec, err := s.Backend.Journal.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	step := journal.Step{To: to, NoDue: true, By: "test", Set: map[string]string{"reason_code": "told"}}
	if to == refund.Succeeded {
		if rec, err = s.Backend.Journal.Apply(t.Context(), rec, journal.Step{To: refund.Sending, NoDue: true, By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Backend.Journal.Apply(t.Context(), rec, step); err != nil {
		t.Fatal(err)
	}
}

func TestWaitingForARefund(t *testing.T) {
	for state, status := range map[refund.State]int{
		refund.Succeeded: cli.OK, refund.Declined: cli.Declined, refund.Canceled: cli.Declined, refund.Review: cli.Review,
	} {
		t.Run("ends at once when it is "+string(state), func(t *testing.T) {
			b := clitest.New(t, run)
			b.Run(split(plain + " --id a")...)
			decide(t, b.Session(t), "a", state)
			r := b.Run(split(plain + " --id a --wait 1h -o json")...)
			got := r.Object(t)
			if r.Status != status || got["status"] != "existing" || got["state"] != string(state) || got["reason_code"] != "told" {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("ends when it settles", func(t *testing.T) {
		b := clitest.New(t, run)
		s := b.Session(t)
		done := make(chan clitest.Result)
		go func() { done <- b.Run(split(plain + " --id a --wait 1m -o json")...) }()
		for deadline := time.Now().Add(20 * time.Second); ; {
			if _, err := s.Backend.Journal.Get(t.Context(), "a"); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the refund is not there")
			}
		}
		decide(t, s, "a", refund.Succeeded)
		if r := <-done; r.Status != cli.OK || r.Object(t)["state"] != "succeeded" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("ends with Ctrl-C, open", func(t *testing.T) {
		b := clitest.New(t, run)
		ctx, cancel := context.WithCancel(t.Context())
		s := b.Session(t)
		go func() {
			for ctx.Err() == nil {
				if _, err := s.Backend.Journal.Get(context.WithoutCancel(ctx), "a"); err == nil {
					break
				}
			}
			cancel()
		}()
		r := b.RunWith(ctx, "", split(plain+" --id a --wait 1h -o json")...)
		// The signal may come before all steps are done, which is an error.
		if r.Status != cli.Open && r.Status != cli.Failed {
			t.Errorf("%+v", r)
		}
	})
}

func TestRedisThatIsAway(t *testing.T) {
	b := clitest.New(t, run)
	b.Redis.Close()
	for _, line := range []string{plain + " --id a -o json", plain + " -o json"} {
		start := time.Now()
		r := b.Run(split(line)...)
		if got := r.Object(t); r.Status != cli.NoRedis || got["status"] != "error" || !strings.Contains(r.Stderr, "redis was not reached") {
			t.Errorf("%+v", r)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("it took %s to say so", took)
		}
	}
	r := b.Run(split("refund --provider unitpay --payment x --currency RUB -o json")...)
	if r.Status != cli.Invalid {
		t.Errorf("what is invalid is so without Redis: %+v", r)
	}
}

func TestAServerErrorIsNoMissingRedis(t *testing.T) {
	b := clitest.New(t, run)
	b.Redis.SetError("ERR out of order")
	if r := b.Run(split(plain + " -o json")...); r.Status != cli.Failed || r.Object(t)["status"] != "error" {
		t.Errorf("%+v", r)
	}
}

func TestAConfigurationThatIsWrongIsAnError(t *testing.T) {
	b := clitest.New(t, run)
	bad := b.File(t, "bad.yaml", "redis: redis://127.0.0.1:1/0\nnonsense: 1\n")
	if r := b.Run(append(split(plain), "--config", bad)...); r.Status != cli.Failed || !strings.Contains(r.Stderr, "bad.yaml:2: nonsense") {
		t.Errorf("%+v", r)
	}
}
