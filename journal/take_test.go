package journal_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

func text(n int64) string { return strconv.FormatInt(n, 10) }

func TestWindow(t *testing.T) {
	const duplicate, fine = true, false
	for _, c := range []struct {
		first  string
		state  refund.State
		later  time.Duration // after the first one came there
		second string
		want   bool
	}{
		{"100.00", refund.Queued, 0, "100.00", duplicate},
		{"100.00", refund.Queued, 0, "100", duplicate},
		{"100.00", refund.Queued, 0, "100.0", duplicate},
		{"100.00", refund.Queued, 0, "100.01", fine},
		{"100.00", refund.Queued, 0, "", duplicate},
		{"", refund.Queued, 0, "100.00", duplicate},
		{"", refund.Queued, 0, "", duplicate},
		{"100.00", refund.Queued, 1000 * time.Hour, "100.00", duplicate}, // however long it is open
		{"100.00", refund.Sending, time.Hour, "100.00", duplicate},
		{"100.00", refund.Unknown, time.Hour, "100.00", duplicate},
		{"100.00", refund.Accepted, time.Hour, "100.00", duplicate},
		{"100.00", refund.Review, time.Hour, "100.00", duplicate},
		{"100.00", refund.Succeeded, 0, "100.00", duplicate},
		{"100.00", refund.Succeeded, 0, "", duplicate},
		{"100.00", refund.Succeeded, 0, "50.00", fine},
		{"100.00", refund.Succeeded, window - time.Millisecond, "100.00", duplicate},
		{"100.00", refund.Succeeded, window, "100.00", fine},
		{"100.00", refund.Succeeded, window, "", fine},
		{"100.00", refund.Declined, 0, "100.00", fine},
		{"100.00", refund.Canceled, 0, "100.00", fine},
	} {
		t.Run(fmt.Sprintf("%q %s %s later %q", c.first, c.state, c.later, c.second), func(t *testing.T) {
			b := open(t)
			b.take("first", c.first)
			first := b.bring("first", c.state)
			b.advance(c.later)
			taken := b.try(order("second", c.second), journal.Taking{})
			if got := taken.Refusal != nil; got != c.want {
				t.Fatalf("refused: %v, want %v (%+v)", got, c.want, taken.Refusal)
			}
			if c.want == fine {
				return
			}
			r := taken.Refusal
			if r.Rule != "duplicate" || r.ExistingID != "first" || r.ExistingState != string(c.state) || taken.Record != nil {
				t.Errorf("%+v", r)
			}
			if settled := c.state == refund.Succeeded; settled != !r.WindowEndsAt().IsZero() || settled && !r.WindowEndsAt().Equal(first.WindowEnds) {
				t.Errorf("the window ends at %v", r.WindowEndsAt())
			}
		})
	}
}

func TestWindowNamesTheRefundThatHoldsItLongest(t *testing.T) {
	b := open(t)
	b.take("full", "")
	b.bring("full", refund.Succeeded)
	b.advance(window)
	b.take("early", "10.00")
	b.bring("early", refund.Succeeded)
	b.advance(time.Minute)
	b.take("late", "20.00")
	b.bring("late", refund.Succeeded)
	if r := b.try(order("x", ""), journal.Taking{}).Refusal; r == nil || r.ExistingID != "late" {
		t.Errorf("%+v", r)
	}
	b.take("open", "30.00")
	if r := b.try(order("y", ""), journal.Taking{}).Refusal; r == nil || r.ExistingID != "open" || !r.WindowEndsAt().IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestPaymentTotal(t *testing.T) {
	type refundOf struct {
		amount string
		total  int64
		state  refund.State
	}
	for name, c := range map[string]struct {
		before []refundOf
		amount string
		total  int64
		rule   string // "" where it is taken
	}{
		"exactly the total":                  {[]refundOf{{"60.00", 100_00, refund.Queued}}, "40.00", 100_00, ""},
		"one minor unit over":                {[]refundOf{{"60.00", 100_00, refund.Queued}}, "40.01", 100_00, "payment_total"},
		"what is settled counts":             {[]refundOf{{"60.00", 100_00, refund.Succeeded}}, "40.01", 100_00, "payment_total"},
		"what is in review counts":           {[]refundOf{{"60.00", 100_00, refund.Review}}, "40.01", 100_00, "payment_total"},
		"what was declined does not":         {[]refundOf{{"60.00", 100_00, refund.Declined}}, "100.00", 100_00, ""},
		"what was canceled does not":         {[]refundOf{{"60.00", 100_00, refund.Canceled}}, "100.00", 100_00, ""},
		"the total holds when not stated":    {[]refundOf{{"60.00", 100_00, refund.Queued}}, "50.00", 0, "payment_total"},
		"a total stated later counts all":    {[]refundOf{{"60.00", 0, refund.Queued}}, "50.00", 100_00, "payment_total"},
		"the smaller total holds":            {[]refundOf{{"60.00", 100_00, refund.Queued}}, "50.00", 500_00, "payment_total"},
		"no total is no cap":                 {[]refundOf{{"60.00", 0, refund.Queued}}, "500000.00", 0, ""},
		"nothing is left for a full one":     {[]refundOf{{"60.00", 100_00, refund.Succeeded}, {"40.00", 100_00, refund.Succeeded}}, "", 100_00, "payment_total"},
		"alone over its own total":           {nil, "100.01", 100_00, "payment_total"},
		"a full one reserves all of it":      {[]refundOf{{"", 100_00, refund.Succeeded}}, "1.00", 0, "payment_total"},
		"another amount beside":              {[]refundOf{{"60.00", 100_00, refund.Queued}, {"10.00", 100_00, refund.Queued}}, "30.00", 0, ""},
		"sums beyond what a float can hold":  {[]refundOf{{"90000000000.01", 90000000000_02, refund.Queued}}, "0.01", 0, ""},
		"sums beyond what a float can hold+": {[]refundOf{{"90000000000.01", 90000000000_02, refund.Queued}}, "0.02", 0, "payment_total"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			for i, f := range c.before {
				id := fmt.Sprint("before-", i)
				if taken := b.try(withTotal(order(id, f.amount), f.total), journal.Taking{}); taken.Refusal != nil {
					t.Fatalf("%+v", taken.Refusal)
				}
				b.bring(id, f.state)
			}
			b.advance(window) // so that the window is not what refuses a full one
			taken := b.try(withTotal(order("new", c.amount), c.total), journal.Taking{})
			switch {
			case c.rule == "" && taken.Refusal != nil:
				t.Errorf("refused: %+v", taken.Refusal)
			case c.rule != "" && (taken.Refusal == nil || taken.Refusal.Rule != c.rule):
				t.Errorf("%+v, want %s", taken.Refusal, c.rule)
			}
		})
	}
}

func TestOneRefundPerPayment(t *testing.T) {
	for state, refused := range map[refund.State]bool{refund.Queued: true, refund.Succeeded: true, refund.Review: true, refund.Declined: false, refund.Canceled: false} {
		b := open(t)
		b.take("first", "100.00")
		b.bring("first", state)
		b.advance(2 * window)
		taken := b.try(order("second", "50.00"), journal.Taking{OneRefund: true})
		if got := taken.Refusal != nil && taken.Refusal.Rule == "one_refund_per_payment"; got != refused {
			t.Errorf("after one that is %s: %+v", state, taken.Refusal)
		}
	}
}

func TestOtherCurrencyIsRefused(t *testing.T) {
	b := open(t)
	b.take("first", "100.00")
	o := order("second", "50.00")
	o.Amount.Currency, o.Total.Currency = "USD", "USD"
	if taken := b.try(o, journal.Taking{}); taken.Refusal == nil || taken.Refusal.Rule != "currency" {
		t.Errorf("%+v", taken)
	}
}

func TestTakingTheSameOrderAgainFindsTheFirst(t *testing.T) {
	b := open(t)
	b.take("id", "100.00")
	b.bring("id", refund.Succeeded)
	if again := b.try(order("id", "100.0"), journal.Taking{}); !again.Existing || again.Record.State != refund.Succeeded {
		t.Errorf("%+v", again)
	}
	if other := b.try(order("id", "99.00"), journal.Taking{}); !other.Conflict || other.Record != nil {
		t.Errorf("other content: %+v", other)
	}
	if rec := b.load("id"); *rec.Amount != 100_00 {
		t.Errorf("%d", *rec.Amount)
	}
}

func TestARefusalThatIsRecordedHoldsNothing(t *testing.T) {
	b := open(t)
	b.take("first", "100.00")
	taken := b.try(order("foreign", "100.00"), journal.Taking{RecordRefusal: true})
	if taken.Record == nil || taken.Record.State != refund.Declined || taken.Record.ReasonCode != "duplicate" || taken.Record.HoldsWindow() ||
		!taken.Record.Due.IsZero() || !taken.Record.Settled.Equal(b.now) {
		t.Fatalf("%+v", taken)
	}
	b.bring("first", refund.Canceled)
	b.take("next", "100.00")
	moved, err := b.RelayAll(t.Context())
	if err != nil || moved != 2 { // the refusal and the canceling
		t.Errorf("%d events, %v", moved, err)
	}
}

func TestClaims(t *testing.T) {
	b, ctx := open(t), t.Context()
	claim := func(p, digest string) journal.Claimed {
		t.Helper()
		c, err := b.Claim(ctx, "id", provider, p, digest)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := claim(payment, "d1"); !c.New {
		t.Errorf("first: %+v", c)
	}
	if c := claim(payment, "d1"); c.New || c.Conflict || c.Expired {
		t.Errorf("same: %+v", c)
	}
	if c := claim("999", "d1"); !c.Conflict {
		t.Errorf("other payment: %+v", c)
	}
	if c := claim(payment, "d2"); !c.Conflict {
		t.Errorf("other content: %+v", c)
	}
	kept, err := b.Refuse(ctx, "id", journal.Refusal{Rule: "duplicate", ExistingID: "a"})
	if err != nil || kept.ExistingID != "a" {
		t.Errorf("%+v, %v", kept, err)
	}
	if kept, err = b.Refuse(ctx, "id", journal.Refusal{Rule: "payment_total"}); err != nil || kept.Rule != "duplicate" {
		t.Errorf("the first refusal stays: %+v, %v", kept, err)
	}
	if c := claim(payment, "d1"); c.Refusal == nil || c.Refusal.ExistingID != "a" {
		t.Errorf("after the refusal: %+v", c)
	}
	var refused *journal.RefusedError
	if _, err := b.Get(ctx, "id"); !errors.As(err, &refused) || !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	b.advance(retention)
	if c := claim(payment, "d1"); !c.Expired {
		t.Errorf("after the retention: %+v", c)
	}
	if _, err := b.Get(ctx, "nobody"); err != journal.ErrNotFound {
		t.Errorf("unknown: %v", err)
	}
}
