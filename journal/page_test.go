package journal_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// of is an order of a payment of its own, so that refunds lie in many buckets.
func of(id string, n int, metadata map[string]string) refund.Order {
	o := order(id, "100.00")
	o.PaymentID = fmt.Sprint(5_000_000_000 + n)
	o.Metadata = metadata
	return o
}

// pages reads a list page by page and returns the ids.
func pages(t *testing.T, j *journal.Journal, p journal.PageOf) [][]string {
	t.Helper()
	var all [][]string
	for {
		page, err := j.Page(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, rec := range page.Refunds {
			ids = append(ids, rec.ID)
		}
		all = append(all, ids)
		if !page.More {
			return all
		}
		if len(all) > 1000 {
			t.Fatal("the pages do not end")
		}
		again, err := journal.ParsePlace(page.Next.String())
		if err != nil {
			t.Fatal(err)
		}
		p.After = again
	}
}

// Every refund comes on one page, in the order of when it came into its state,
// however many share a bucket and a millisecond.
func TestPagesHoldEveryRefundOnceInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		refunds, payments int
		sameMoment        bool
	}{
		"spread over the buckets":             {300, 300, false},
		"all in one bucket":                   {120, 1, false},
		"all in one bucket at one moment":     {120, 1, true},
		"spread over buckets at one moment":   {300, 300, true},
		"fewer than a page":                   {3, 3, false},
		"as many as a page":                   {25, 25, false},
		"none":                                {0, 1, false},
		"one more than a page, in one bucket": {26, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			var want []string
			for i := range c.refunds {
				id := fmt.Sprintf("id-%04d", i)
				o := of(id, i%c.payments, nil)
				o.Amount.Minor = int64(1000 + i)
				o.Asked = o.Amount.String()
				if taken := b.try(o, journal.Taking{}); taken.Refusal != nil {
					t.Fatal(taken.Refusal)
				}
				want = append(want, id)
				if !c.sameMoment {
					b.advance(time.Millisecond)
				}
			}
			list := journal.PageOf{State: refund.Queued, Providers: []string{"maib", provider}, Limit: 25}
			got := pages(t, b.Journal, list)
			if all := slices.Concat(got...); !slices.Equal(all, want) {
				t.Errorf("oldest first: %d of %d, or in another order: %v", len(all), len(want), all)
			}
			for i, page := range got[:len(got)-1] {
				if len(page) != 25 {
					t.Errorf("page %d has %d", i, len(page))
				}
			}
			list.NewestFirst = true
			slices.Reverse(want)
			if all := slices.Concat(pages(t, b.Journal, list)...); !slices.Equal(all, want) {
				t.Errorf("newest first: %d of %d, or in another order: %v", len(all), len(want), all)
			}
		})
	}
}

func TestPageLeavesOtherStatesAndProvidersOut(t *testing.T) {
	b := open(t)
	b.take("queued", "100.00")
	b.take("settled", "50.00")
	b.bring("settled", refund.Succeeded)
	list := journal.PageOf{State: refund.Succeeded, Providers: []string{provider}, Limit: 5}
	if got := pages(t, b.Journal, list); !slices.Equal(got[0], []string{"settled"}) {
		t.Errorf("%v", got)
	}
	list.Providers = []string{"maib"}
	if got := pages(t, b.Journal, list); len(got[0]) != 0 {
		t.Errorf("%v", got)
	}
}

func TestPaymentPageCountsAndCuts(t *testing.T) {
	b := open(t)
	for i := range 7 {
		b.take(fmt.Sprint("id-", i), fmt.Sprintf("%d.00", 10+i))
	}
	recs, n, err := b.PaymentPage(t.Context(), provider, payment, 5, 5)
	if err != nil || n != 7 || len(recs) != 2 || recs[0].ID != "id-5" || recs[1].ID != "id-6" {
		t.Errorf("%v, %d, %v", recs, n, err)
	}
	if recs, n, err = b.PaymentPage(t.Context(), provider, "999", 0, 5); err != nil || n != 0 || len(recs) != 0 {
		t.Errorf("%v, %d, %v", recs, n, err)
	}
}

func TestPlacesAreReadStrictly(t *testing.T) {
	for _, s := range []string{"x", "1", "~", "1~", "x~id", "1~a b", "1~" + string(make([]byte, 65))} {
		if p, err := journal.ParsePlace(s); err == nil {
			t.Errorf("%q is %v", s, p)
		}
	}
	if p, err := journal.ParsePlace(""); err != nil || p != (journal.Place{}) || p.String() != "" {
		t.Errorf("%v, %v", p, err)
	}
}

// A real cluster: the looks of one page go to several servers.
func TestPagesAndSearchWorkInACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 2)
	rdb, err := redisconn.Open(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	for i := range 60 {
		o := of(fmt.Sprintf("id-%02d", i), i, map[string]string{"order": fmt.Sprintf("order-%02d", i)})
		if taken, err := j.Take(context.Background(), o, journal.Taking{}); err != nil || taken.Record == nil {
			t.Fatalf("%+v, %v", taken, err)
		}
	}
	seen := map[string]bool{}
	for _, id := range slices.Concat(pages(t, j, journal.PageOf{State: refund.Queued, Providers: []string{provider}, Limit: 25})...) {
		seen[id] = true
	}
	if len(seen) != 60 {
		t.Errorf("%d of 60 refunds are listed", len(seen))
	}
	if found := values(t, j, "order-0"); len(found) != 10 || found[0] != "order-00 id-00" || found[9] != "order-09 id-09" {
		t.Errorf("%v", found)
	}
}
