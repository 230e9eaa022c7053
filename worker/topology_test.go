package worker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// rigOn is a rig on a Redis that the test has set up itself: what needs the one
// redis-server of newRig is missing.
func rigOn(t *testing.T, s setup, url string) *rig {
	t.Helper()
	r := &rig{t: t, log: &lines{}}
	if s.sandbox.SettleDelay == 0 {
		s.sandbox.SettleDelay = 100 * time.Millisecond
	}
	r.companies = sandbox.New(s.sandbox)
	if err := r.companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.companies.Close() })
	r.env = secrets(s.creds)
	r.env["REDIS_URL"] = url
	r.text = r.render(s)
	r.cfg = r.load(r.text)
	r.connect()
	return r
}

// connect opens the producer's and the operator's side.
func (r *rig) connect() {
	r.t.Helper()
	backend, err := tasks.Open(r.t.Context(), r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = backend.Close() })
	r.inspector = asynq.NewInspectorFromRedisClient(backend.Queues)
	r.backend, r.enqueuer, r.operator = backend, tasks.NewEnqueuer(backend, r.cfg), tasks.NewOperator(backend, r.cfg)
}

// at returns a copy of the rig whose Redis is at another URL: the same
// companies, another journal.
func (r *rig) at(url string) *rig {
	r.t.Helper()
	other := *r
	other.env = map[string]string{}
	for k, v := range r.env {
		other.env[k] = v
	}
	other.env["REDIS_URL"] = url
	other.cfg = other.load(other.text)
	other.cfg.Listen = "127.0.0.1:0"
	other.connect()
	return &other
}

// insist enqueues as an order system does: after an error again with the same
// id, until there is an answer.
func (r *rig) insist(q refund.Request) string {
	r.t.Helper()
	var receipt tasks.Receipt
	var err error
	r.until("an answer to enqueueing", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
		defer cancel()
		receipt, err = r.enqueuer.Enqueue(ctx, q)
		return err == nil
	}, func() string { return fmt.Sprint(err) })
	if receipt.Status != tasks.Queued && receipt.Status != tasks.Existing {
		r.t.Fatalf("enqueue answered %+v", receipt)
	}
	return receipt.RefundID
}

// ended waits until a refund has settled or stands in review, whatever Redis
// answers meanwhile.
func (r *rig) ended(id string) *journal.Record {
	r.t.Helper()
	var rec *journal.Record
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(2 * patience); time.Now().Before(over); <-tick.C {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
		got, err := r.backend.Journal.Get(ctx, id)
		cancel()
		if err != nil {
			continue
		}
		if rec = got; rec.State.Terminal() || rec.State == refund.Review {
			return rec
		}
	}
	r.t.Fatalf("refund %s has not ended: %s\n%s", id, r.story(rec), r.log)
	return nil
}

// agrees checks what the journal says of one refund against what moved: once at
// most, and known to the journal.
func (r *rig) agrees(rec *journal.Record, company, payment string, minor int64) {
	r.t.Helper()
	moved := r.companies.Moved(company, payment) + r.companies.Pending(company, payment)
	switch {
	case moved > minor:
		r.t.Errorf("PAID TWICE: %d minor units moved, %d asked\n%s", moved, minor, r.story(rec))
	case moved > 0 && rec.State != refund.Succeeded && rec.State != refund.Review:
		r.t.Errorf("%d minor units moved\n%s", moved, r.story(rec))
	case moved < minor && rec.State == refund.Succeeded:
		r.t.Errorf("only %d minor units moved\n%s", moved, r.story(rec))
	}
}

// startSentinel runs one Sentinel that watches the primary as "mine" and fails
// over soon.
func startSentinel(t *testing.T, primary *redistest.Server) *redistest.Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := "sentinel monitor mine " + host + " " + port + " 1\n" +
		"sentinel down-after-milliseconds mine 400\nsentinel failover-timeout mine 2000\n"
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s := redistest.StartSentinel(t, file)
	redistest.Eventually(t, "Sentinel knows the replica", func() bool {
		replicas, err := s.Client(t).Do(context.Background(), "sentinel", "replicas", "mine").Slice()
		return err == nil && len(replicas) == 1
	})
	return s
}

// startFarReplica runs a replica whose way to the primary is the wire returned:
// holding it makes replication lag, and what is held when the primary dies is
// lost.
func startFarReplica(t *testing.T, primary *redistest.Server, args ...string) (*redistest.Server, *redistest.Wire) {
	t.Helper()
	wire := redistest.StartWire(t, primary.Addr)
	host, port, _ := net.SplitHostPort(wire.Addr)
	replica := redistest.Start(t, append([]string{"--replicaof", host, port}, args...)...)
	redistest.Eventually(t, "the replica has caught up", func() bool {
		return strings.Contains(primary.Client(t).Info(context.Background(), "replication").Val(), "state=online")
	})
	return replica, wire
}

// promote makes a replica a primary of its own, as Sentinel does.
func promote(t *testing.T, s *redistest.Server) {
	t.Helper()
	if err := s.Client(t).ReplicaOf(context.Background(), "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
}

// caughtUp waits until the replica has all that the primary wrote.
func caughtUp(t *testing.T, primary, replica *redistest.Server) {
	t.Helper()
	offset := func(s *redistest.Server) string {
		_, rest, _ := strings.Cut(s.Client(t).Info(context.Background(), "replication").Val(), "\nmaster_repl_offset:")
		value, _, _ := strings.Cut(rest, "\r")
		return value
	}
	redistest.Eventually(t, "the replica has caught up", func() bool { return offset(primary) == offset(replica) })
}

// withDurability is a setup with short waits for a changed durability.
func withDurability(d config.Durability, provider map[string]string) setup {
	return setup{top: map[string]string{"durability": string(d)}, provider: provider}
}
