package journal_test

import (
	"fmt"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
)

// In a cluster each bucket is waited for, and they lie on several servers.
func TestABacklogIsToldInACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 2)
	rdb, err := redisconn.Open(cluster.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	pipe := rdb.Pipeline()
	for bucket := range journal.Buckets {
		pipe.RPush(t.Context(), fmt.Sprintf("refunds:{%03d}:out", bucket), fmt.Sprintf(`{"refund_id":"r-%d","seq":"1","at":"1"}`, bucket))
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention})
	moved := 0
	for n := -1; n != 0; moved += n {
		if n, err = j.RelayAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if told := rdb.XLen(t.Context(), journal.Events).Val(); moved != journal.Buckets || told != journal.Buckets {
		t.Errorf("%d events were moved, %d were told, of %d", moved, told, journal.Buckets)
	}
	// One bucket's says nothing about what another server wrote.
	for bucket := range journal.Buckets {
		key := fmt.Sprintf("refunds:{%03d}:confirmed", bucket)
		if n, err := rdb.Exists(t.Context(), key).Result(); n != 1 {
			t.Fatalf("%s does not exist: its event was told without having been waited for, %v", key, err)
		}
	}
}
