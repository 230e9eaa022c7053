package worker_test

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// bucketTag is a key of the journal's bucket of a payment.
func bucketTag(company, payment string) string {
	return fmt.Sprintf("refunds:{%03d}:", crc32.ChecksumIEEE([]byte(company+":"+payment))%journal.Buckets)
}

// Two hundred refunds over a cluster of three masters, while slots of the
// journal, of a queue and of a provider's limit move from one to another.
func TestClusterRunsTheWholePathWhileSlotsMove(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, "--appendonly", "yes", "--appendfsync", "always")
	r := rigOn(t, withDurability(config.AOF, map[string]string{"reconcile": "{first: 200ms, settle: 4s}", "rate_limit": "200/s"}), cluster.URL.Reveal())

	type order struct{ company, payment, id string }
	orders := make([]order, 200)
	var group errgroup.Group
	group.SetLimit(8)
	for n := range orders {
		company := sandbox.Companies[n%3]
		payment := r.pays(company, 500_00)
		switch n % 10 {
		case 3:
			r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
		case 6:
			r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: 300 * time.Millisecond})
		}
		group.Go(func() error {
			receipt, err := r.enqueuer.Enqueue(t.Context(), request(company, payment, "100.00"))
			orders[n] = order{company, payment, receipt.RefundID}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	r.startWith(r.second(), "one")
	r.startWith(r.second(), "two")

	moved := 0
	for _, key := range []string{bucketTag(orders[0].company, orders[0].payment), bucketTag(orders[99].company, orders[99].payment),
		bucketTag(orders[199].company, orders[199].payment), "refunds:{prov:maib}:limit", "asynq:{sberbank}:t"} {
		slot := cluster.Slot(t, key)
		move := cluster.StartMove(t, slot)
		move.Finish(20 * time.Millisecond)
		moved++
	}
	for _, o := range orders {
		rec := r.ended(o.id)
		if rec.State != refund.Succeeded {
			t.Errorf("%s", r.story(rec))
		}
		r.agrees(rec, o.company, o.payment, 100_00)
	}
	for _, wrong := range []string{"CROSSSLOT", "non local key"} {
		if strings.Contains(r.log.String(), wrong) {
			t.Errorf("the workers' log has %s in it", wrong)
		}
	}
	t.Logf("%d slots moved", moved)
}
