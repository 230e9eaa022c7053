package journal_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// both runs a test where one script takes refunds in, and where it takes steps.
func both(t *testing.T, f func(t *testing.T, b *book)) {
	for name, cluster := range map[string]bool{"one script": false, "steps": true} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.Journal = journal.New(b.rdb, redisconn.NewWaiter(b.rdb, "none", time.Second), journal.Options{Window: window, Retention: retention, Cluster: cluster})
			f(t, b)
		})
	}
}

// enter takes one order in and says in a word what it came to.
func (b *book) enter(o refund.Order, t journal.Taking) (string, journal.Entered) {
	b.t.Helper()
	list, err := b.Enter(b.t.Context(), []journal.Asked{{Order: o, Taking: t}})
	if err != nil {
		b.t.Fatal(err)
	}
	return word(list[0]), list[0]
}

func word(e journal.Entered) string {
	c, t := e.Claimed, e.Taken
	switch {
	case c.Conflict:
		return "conflict"
	case c.Expired:
		return "expired"
	case t.Conflict:
		return "conflict in the payment"
	case t.Record != nil && t.Existing:
		return "existing"
	case t.Record != nil && t.Refusal != nil:
		return "entered as refused: " + t.Refusal.Rule
	case t.Record != nil:
		return "taken"
	case t.Refusal != nil:
		return "refused: " + t.Refusal.Rule
	case c.Refusal != nil:
		return "refused before: " + c.Refusal.Rule
	}
	return "nothing"
}

func TestEntering(t *testing.T) {
	both(t, func(t *testing.T, b *book) {
		foreign := order("c", "100.00")
		elsewhere := order("a", "100.00")
		elsewhere.PaymentID = "999"
		for _, step := range []struct {
			o    refund.Order
			how  journal.Taking
			want string
		}{
			{order("a", "100.00"), journal.Taking{}, "taken"},
			{order("a", "100.0"), journal.Taking{}, "existing"},
			{order("a", "99.00"), journal.Taking{}, "conflict"},
			{elsewhere, journal.Taking{}, "conflict"},
			{order("b", "100.00"), journal.Taking{}, "refused: duplicate"},
			{order("b", "100.00"), journal.Taking{}, "refused before: duplicate"},
			{order("b", "100.00"), journal.Taking{AfterWindow: true}, "refused before: duplicate"},
			{order("b", "100.00"), journal.Taking{RecordRefusal: true}, "entered as refused: duplicate"},
			{foreign, journal.Taking{RecordRefusal: true}, "entered as refused: duplicate"},
			{foreign, journal.Taking{}, "existing"},
			{order("d", "1.00"), journal.Taking{OneRefund: true}, "refused: one_refund_per_payment"},
			{order("e", "100.00"), journal.Taking{AfterWindow: true}, "taken"},
		} {
			if got, e := b.enter(step.o, step.how); got != step.want {
				t.Errorf("%s %s %+v: %s, want %s (%+v)", step.o.RefundID, step.o.Asked, step.how, got, step.want, e)
			}
		}
		b.bring("a", refund.Canceled)
		// A refusal is that id's answer, whatever has become of the other.
		if got, _ := b.enter(order("d", "1.00"), journal.Taking{}); got != "refused before: one_refund_per_payment" {
			t.Error(got)
		}
		if _, err := b.Get(t.Context(), "d"); err == nil {
			t.Error("a refused refund has a record")
		}
		b.advance(retention)
		if got, e := b.enter(order("a", "100.00"), journal.Taking{}); got != "expired" || e.Taken.Record != nil {
			t.Error(got)
		}
	})
}

// Several orders together come to what they come to one after the other.
func TestEnteringManyIsEnteringEachInOrder(t *testing.T) {
	both(t, func(t *testing.T, b *book) {
		other := order("o", "5.00")
		other.PaymentID = "999"
		list := []journal.Asked{{Order: order("a", "100.00")}, {Order: order("b", "100.00")}, {Order: other}, {Order: order("a", "100.00")},
			{Order: order("c", "100.00"), Taking: journal.Taking{AfterWindow: true}}, {Order: order("a", "1.00")}, {Order: withTotal(order("d", "1.00"), 1_00)}}
		want := []string{"taken", "refused: duplicate", "taken", "existing", "taken", "conflict", "refused: payment_total"}
		for _, again := range []bool{false, true} {
			entered, err := b.Enter(t.Context(), list)
			if err != nil {
				t.Fatal(err)
			}
			if again {
				want = []string{"existing", "refused before: duplicate", "existing", "existing", "existing", "conflict", "refused before: payment_total"}
			}
			for i, e := range entered {
				if got := word(e); got != want[i] {
					t.Errorf("%s (again: %t): %s, want %s", list[i].Order.RefundID, again, got, want[i])
				}
			}
		}
		if stats, err := b.Stats(t.Context()); err != nil || len(stats) != 1 || stats[0].Count != 3 {
			t.Errorf("%+v, %v", stats, err)
		}
		if n, err := b.Rank(t.Context(), b.load("c")); err != nil || n != 2 {
			t.Errorf("the second of its payment is the %d., %v", n, err)
		}
	})
}

// A new record is made of what was asked, without reading it: it must be the one
// that is read.
func TestARecordThatWasTakenIsTheOneThatIsRead(t *testing.T) {
	full := order("full", "")
	rich := withTotal(order("rich", "12.34"), 500_00)
	rich.Reason, rich.Metadata = "returned \"goods\"", map[string]string{"b": "2", "a": "<1>"}
	rich.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "tea", Count: "1", Price: "12.34"}}, CustomerEmail: "a@example.com"}
	for name, c := range map[string]struct {
		o   refund.Order
		how journal.Taking
	}{
		"plain":            {order("plain", "100.0"), journal.Taking{}},
		"full":             {full, journal.Taking{By: "ann", RequestedBy: "ann"}},
		"with everything":  {rich, journal.Taking{Bulk: true, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", By: "x"}},
		"after the window": {order("later", "7.00"), journal.Taking{AfterWindow: true}},
	} {
		for _, restored := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restored %t", name, restored), func(t *testing.T) {
				both(t, func(t *testing.T, b *book) {
					if c.how.AfterWindow {
						b.take("first", "7.00")
						b.bring("first", refund.Succeeded)
					}
					if restored {
						if err := b.AfterRestore(t.Context(), b.now); err != nil {
							t.Fatal(err)
						}
					}
					_, e := b.enter(c.o, c.how)
					got, want := reflect.ValueOf(e.Taken.Record).Elem(), reflect.ValueOf(b.load(c.o.RefundID)).Elem()
					for i := range got.NumField() {
						if f := got.Type().Field(i); f.IsExported() && !reflect.DeepEqual(got.Field(i).Interface(), want.Field(i).Interface()) {
							t.Errorf("%s: taken %v, read %v", f.Name, got.Field(i), want.Field(i))
						}
					}
					// What it does not show decides too: the next steps are made from it.
					if c.how.AfterWindow {
						return
					}
					if _, err := b.Begin(t.Context(), e.Taken.Record, beginning()); !restored && err != nil {
						t.Errorf("an attempt can't begin from it: %v", err)
					}
				})
			})
		}
	}
}

func BenchmarkEnter(b *testing.B) {
	for _, rows := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d together", rows), func(b *testing.B) {
			server := redistest.Start(b)
			rdb, err := redisconn.Open(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			defer rdb.Close()
			j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
			list := make([]journal.Asked, rows)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for i := range list {
					n++
					o := order(fmt.Sprint("bench-", n), "100.00")
					o.PaymentID = fmt.Sprint(n)
					list[i] = journal.Asked{Order: o}
				}
				if _, err := j.Enter(b.Context(), list); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "refunds/s")
		})
	}
}

// A claim is kept for years: one text, with the refusal if there is one.
func TestAClaimIsOneText(t *testing.T) {
	both(t, func(t *testing.T, b *book) {
		o := order("a", "100.00")
		b.enter(o, journal.Taking{})
		b.enter(order("b", "100.00"), journal.Taking{})
		for id, want := range map[string]string{"a": "", "b": "\n{"} {
			claim, err := b.mini.Get("refunds:claim:" + id)
			plain := fmt.Sprintf("%d %.11s %s:%s", b.now.Unix(), o.Digest(), o.Provider, o.PaymentID)
			if rest, ok := strings.CutPrefix(claim, plain); err != nil || !ok || !strings.HasPrefix(rest, want) || want == "" && rest != "" {
				t.Errorf("the claim of %s is %q, %v; want %q and %q", id, claim, err, plain, want)
			}
			if ttl := b.mini.TTL("refunds:claim:" + id); (ttl > 0) != (id == "b") {
				t.Errorf("the claim of %s lives for %s", id, ttl)
			}
		}
	})
}
