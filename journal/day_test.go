package journal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
)

// counts counts a refund of so many minor units into the day, and fails unless it
// is told so.
func counts(t *testing.T, j *journal.Journal, rec *journal.Record, amount, limit int64, others int64, within bool) {
	t.Helper()
	got, err := j.CountDay(context.Background(), rec, "token", amount, limit)
	if err != nil || got.Others != others || got.Within != within {
		t.Errorf("counting %d of %s into %d: %+v, %v; want %d, %t", amount, rec.ID, limit, got, err, others, within)
	}
}

func TestADayCountsEachRefundOnce(t *testing.T) {
	b := open(t)
	one, two := b.take("one", "60.00"), b.take("two", "50.00")
	for range 3 {
		counts(t, b.Journal, one, 60_00, 100_00, 0, true)
	}
	counts(t, b.Journal, two, 40_01, 100_00, 60_00, false)
	counts(t, b.Journal, two, 40_00, 100_00, 60_00, true)
	// What a full refund comes to may change; the most that it was counts.
	counts(t, b.Journal, two, 30_00, 100_00, 60_00, true)
	counts(t, b.Journal, one, 60_01, 100_00, 40_00, false)
	counts(t, b.Journal, one, 60_00, 99_99, 40_00, false) // a limit that was lowered since
	for range 2 {
		if err := b.FreeDay(context.Background(), two); err != nil {
			t.Fatal(err)
		}
	}
	counts(t, b.Journal, one, 100_00, 100_00, 0, true)
}

// A late word of the one who counted first takes nothing away from the one who
// counted after, who may have sent it.
func TestOnlyWhoeverCountedLastUncounts(t *testing.T) {
	b, ctx := open(t), context.Background()
	one, two := b.take("one", "60.00"), b.take("two", "50.00")
	uncounts := func(token string, others int64) {
		t.Helper()
		if err := b.UncountDay(ctx, one, token); err != nil {
			t.Fatal(err)
		}
		counts(t, b.Journal, two, 50_00, 100_00, others, others <= 50_00)
	}
	for _, token := range []string{"slow", "sender"} {
		if got, err := b.CountDay(ctx, one, token, 60_00, 100_00); err != nil || !got.Within {
			t.Fatal(got, err)
		}
	}
	uncounts("slow", 60_00)
	uncounts("sender", 0)
	uncounts("sender", 0) // again after a lost reply
	if err := b.FreeDay(ctx, two); err != nil {
		t.Fatal(err)
	}

	// One without a token was counted by an earlier version.
	key := "refunds:{prov:" + provider + "}:day:RUB:" + one.Now.Format(time.DateOnly)
	b.mini.HSet(key, "r:one", "6000", "sum", "6000")
	uncounts("slow", 60_00)
	counts(t, b.Journal, one, 60_00, 100_00, 0, true)
	uncounts("token", 0)
}

func TestAnotherDayAndAnotherCurrencyCountForThemselves(t *testing.T) {
	b := open(t)
	one, two := b.take("one", "60.00"), b.take("two", "50.00")
	counts(t, b.Journal, one, 60_00, 100_00, 0, true)
	dollars := *two
	dollars.Currency = "USD"
	counts(t, b.Journal, &dollars, 100_00, 100_00, 0, true)
	other := *two
	other.Provider = "unitpay-2"
	counts(t, b.Journal, &other, 100_00, 100_00, 0, true)

	// The refund was read before midnight, and is counted after it.
	b.advance(12*time.Hour - time.Millisecond)
	counts(t, b.Journal, b.load("two"), 50_00, 100_00, 60_00, false)
	late := b.load("two")
	b.advance(time.Millisecond)
	counts(t, b.Journal, late, 50_00, 100_00, 0, true)
	one = b.load("one") // counted yesterday, and never sent
	if err := b.FreeDay(context.Background(), one); err != nil {
		t.Fatal(err)
	}
	counts(t, b.Journal, b.load("one"), 60_00, 100_00, 50_00, false)

	days := 0
	for _, key := range b.mini.Keys() {
		if ttl := b.mini.TTL(key); strings.Contains(key, ":day:") {
			days++
			if ttl != 72*time.Hour {
				t.Errorf("%s is kept for %s", key, ttl)
			}
		}
	}
	if days != 4 {
		t.Errorf("%d days are kept, want 4", days)
	}
}

func TestTheLargestAmountsAreCountedExactly(t *testing.T) {
	b := open(t)
	const most = 100_000_000_000_000
	one, two := b.take("one", "1.00"), b.take("two", "2.00")
	counts(t, b.Journal, one, most-1, most, 0, true)
	counts(t, b.Journal, two, 2, most, most-1, false)
	counts(t, b.Journal, two, 1, most, most-1, true)
}

func TestARefundsRankIsItsPlaceAmongThoseThatCount(t *testing.T) {
	b := open(t)
	for i, amount := range []string{"1.00", "2.00", "3.00", "4.00"} {
		b.take(fmt.Sprint("r-", i), amount)
	}
	ranks := func(want ...int) {
		t.Helper()
		for i, n := range want {
			rec, err := b.Load(context.Background(), provider, payment, fmt.Sprint("r-", i))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.Rank(context.Background(), rec); err != nil || got != n {
				t.Errorf("r-%d has rank %d, %v; want %d", i, got, err, n)
			}
		}
	}
	ranks(1, 2, 3, 4)
	b.bring("r-1", "declined")
	ranks(1, 2, 2, 3)
	b.bring("r-0", "succeeded")
	b.bring("r-2", "canceled")
	ranks(1, 2, 2, 2)
}

// Of many at once on a real server, each on a connection of its own, as many go
// as fit, and the sum is theirs.
func TestOfManyAtOnceOnlyWhatFitsIsCounted(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	rdb, err := redisconn.Open(redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	now, err := j.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	within := make([]bool, 64)
	for i := range within {
		group.Go(func() error {
			rec := &journal.Record{ID: fmt.Sprint("r-", i/2), Provider: provider, Currency: "RUB", Now: now} // each twice
			got, err := j.CountDay(context.Background(), rec, fmt.Sprint("token-", i), 30_00, 100_00)
			within[i] = got.Within
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	went := map[int]bool{}
	for i, ok := range within {
		if ok {
			went[i/2] = true
		}
	}
	most := 3
	if after, err := j.Now(t.Context()); err != nil || after.Day() != now.Day() {
		most = 6 // midnight passed, so there were two days
	}
	if len(went) < 3 || len(went) > most {
		t.Errorf("%d refunds of 30.00 went through a day of 100.00", len(went))
	}
}

// While a day's slot moves from one master of a cluster to another, what was
// counted stays counted, and nothing twice.
func TestADayIsCountedWhileItsSlotMoves(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cluster := redistest.StartCluster(t, 2)
	rdb, err := redisconn.Open(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	for _, id := range []string{"one", "two"} {
		if taken, err := j.Take(ctx, order(id, "60.00"), journal.Taking{AfterWindow: true}); err != nil || taken.Record == nil {
			t.Fatalf("%s: %+v, %v", id, taken, err)
		}
	}
	load := func(id string) *journal.Record {
		rec, err := j.Load(ctx, provider, payment, id)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	redistest.Eventually(t, "it is not about to be midnight", func() bool {
		return load("one").Now.Add(10*time.Second).Day() == load("one").Now.Day()
	})
	counts(t, j, load("one"), 60_00, 100_00, 0, true)
	key := "refunds:{prov:" + provider + "}:day:RUB:" + load("one").Now.Format(time.DateOnly)
	move := cluster.StartMove(t, cluster.Slot(t, key))
	for range 2 {
		counts(t, j, load("one"), 60_00, 100_00, 0, true)
		counts(t, j, load("two"), 60_00, 100_00, 60_00, false)
		move.Keys(key)
	}
	counts(t, j, load("two"), 40_00, 100_00, 60_00, true)
	move.Finish(0)
	counts(t, j, load("two"), 40_00, 100_00, 60_00, true)
	if err := j.FreeDay(ctx, load("one")); err != nil {
		t.Fatal(err)
	}
	counts(t, j, load("two"), 40_00, 100_00, 0, true)
	if n, err := j.Rank(ctx, load("two")); err != nil || n != 2 {
		t.Errorf("rank %d, %v", n, err)
	}
}
