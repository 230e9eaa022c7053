package journal_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// While a slot moves from one master of a cluster to another, some of a bucket's
// keys are here and some there. A script that saw only some of them could take
// a duplicate in, or send beside a running attempt.
func TestWhileABucketsSlotMovesNothingIsDecidedOnHalfOfIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cluster := redistest.StartCluster(t, 2)
	rdb, err := redisconn.Open(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	take := func(id, amount string) (journal.Taken, error) {
		return j.Take(ctx, order(id, amount), journal.Taking{})
	}
	for id, amount := range map[string]string{"first": "100.00", "other": "30.00"} {
		if taken, err := take(id, amount); err != nil || taken.Record == nil {
			t.Fatalf("%s: %+v, %v", id, taken, err)
		}
	}
	begin := func(id string) (*journal.Record, error) {
		rec, err := j.Load(ctx, provider, payment, id)
		if err != nil {
			return nil, err
		}
		return j.Begin(ctx, rec, journal.Beginning{Timeout: time.Minute, Grace: time.Second, By: "test", Token: journal.NewToken()})
	}
	running, err := begin("first")
	if err != nil {
		t.Fatal(err)
	}

	place := provider + ":" + payment
	prefix := fmt.Sprintf("refunds:{%03d}:", crc32.ChecksumIEEE([]byte(place))%journal.Buckets)
	move := cluster.StartMove(t, cluster.Slot(t, prefix))
	for _, step := range []struct {
		name string
		keys []string
	}{
		{"nothing has moved yet", nil},
		{"the record of the refund that waits has moved", []string{prefix + "r:other"}},
		{"the payment has moved", []string{prefix + "p:" + place}},
		{"the running one has moved", []string{prefix + "r:first"}},
	} {
		if step.keys != nil {
			move.Keys(step.keys...)
		}
		if taken, err := take("twin", "100.00"); err == nil && taken.Refusal == nil {
			t.Errorf("%s: a duplicate was taken in", step.name)
		}
		if _, err := begin("other"); err == nil {
			t.Errorf("%s: an attempt was begun beside another one of the payment", step.name)
		}
		if _, _, err := j.Open(ctx, order("other", "30.00"), beginning(), nil); err == nil {
			t.Errorf("%s: an attempt was begun unread beside another one of the payment", step.name)
		}
		// An error says that it is not known; half of a step must not be there.
		if _, err := j.Apply(ctx, running, journal.Step{To: refund.Succeeded, NoDue: true, By: "test", Set: map[string]string{"moved": "10000"}}); err == nil {
			t.Errorf("%s: a step was made on half of a bucket", step.name)
		}
	}
	move.Finish(0)

	rec, err := j.Load(ctx, provider, payment, "first")
	if err != nil || rec.State != refund.Sending || rec.Version != running.Version || rec.Moved != nil {
		t.Fatalf("after the move: %+v, %v", rec, err)
	}
	if taken, err := take("twin", "100.00"); err != nil || taken.Refusal == nil || taken.Refusal.ExistingID != "first" {
		t.Errorf("after the move the twin should be a duplicate: %+v, %v", taken, err)
	}
	if _, err := j.Apply(ctx, rec, journal.Step{To: refund.Succeeded, NoDue: true, By: "test", Set: map[string]string{"moved": "10000"}}); err != nil {
		t.Errorf("after the move: %v", err)
	}
	if _, err := begin("other"); err != nil {
		t.Errorf("after the move: %v", err)
	}
	// Every index moved whole: each refund is counted once.
	if stats, err := j.Stats(ctx); err != nil || len(stats) != 2 || stats[0].Count != 1 || stats[1].Count != 1 {
		t.Errorf("counts after the move: %+v, %v", stats, err)
	}
}
