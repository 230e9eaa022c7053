package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/redisconn"
	"refundworker/refund"
)

// far is a journal on a real server behind a wire.
func far(t *testing.T, to, mode string) (*journal.Journal, *redistest.Wire, redis.UniversalClient) {
	t.Helper()
	wire := redistest.StartWire(t, to)
	rdb, err := redisconn.Open(providers.NewSecret("redis://" + wire.Addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return journal.New(rdb, redisconn.NewWaiter(rdb, mode, time.Second), journal.Options{Window: window, Retention: retention}), wire, rdb
}

func begin(ctx context.Context, j *journal.Journal, id, token string) (*journal.Record, error) {
	rec, err := j.Load(ctx, provider, payment, id)
	if err != nil {
		return nil, err
	}
	return j.Begin(ctx, rec, journal.Beginning{Timeout: time.Minute, Grace: time.Second, By: "test", Token: token})
}

// The write-ahead and its WAIT travel together on one connection. When its reply
// is lost both are repeated, under the same token: one attempt, and a wait that
// speaks of a write of its own connection.
func TestBeginWhoseReplyIsLostIsRepeatedWithItsTokenAndWaitsAgain(t *testing.T) {
	ctx := context.Background()
	primary := redistest.Start(t)
	replica := redistest.StartReplica(t, primary)
	j, wire, _ := far(t, primary.Addr, "replica")
	for _, id := range []string{"warm", "mine"} { // the first of them sends the scripts' texts
		if _, err := j.Take(ctx, order(id, map[string]string{"warm": "10.00", "mine": "20.00"}[id]), journal.Taking{}); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := begin(ctx, j, "warm", journal.NewToken())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Apply(ctx, rec, journal.Step{To: refund.Succeeded, NoDue: true}); err != nil {
		t.Fatal(err)
	}

	token := journal.NewToken()
	wire.LoseNextAnswer(token)
	begun, err := begin(ctx, j, "mine", token)
	if err != nil || begun.State != refund.Sending || begun.Attempts != 1 || begun.Version != 2 {
		t.Fatalf("got %+v, %v", begun, err)
	}
	sent := wire.Sent(token)
	if len(sent) < 2 {
		t.Errorf("it should have been sent again; was sent %d times", len(sent))
	}
	for _, s := range sent {
		if !strings.Contains(s, "\r\nwait\r\n") {
			t.Errorf("it went out without its wait in the same write: %q", s)
		}
	}

	// And where the repeat can't be confirmed it is not begun: the replica has
	// the first write already, but nobody has said so to this connection.
	other, err := j.Take(ctx, order("later", "30.00"), journal.Taking{})
	if err != nil || other.Record == nil {
		t.Fatalf("%+v, %v", other, err)
	}
	if _, err := j.Apply(ctx, begun, journal.Step{To: refund.Succeeded, NoDue: true}); err != nil {
		t.Fatal(err)
	}
	replica.Freeze(t)
	defer replica.Thaw(t)
	token = journal.NewToken()
	wire.LoseNextAnswer(token)
	if _, err := begin(ctx, j, "later", token); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("a write that no replica confirmed was taken for durable: %v", err)
	}
	if n := len(wire.Sent(token)); n < 2 {
		t.Errorf("it should have been sent again; was sent %d times", n)
	}
}

// WAITAOF makes a write-ahead outlive the server with appendfsync everysec too.
func TestBegunAttemptConfirmedByWaitAOFOutlivesAKilledServer(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	if !s.HasWaitAOF(t) {
		t.Skipf("redis-server %s has no WAITAOF, which is from 7.2 on; REDIS_SERVER names another one", s.Version(t))
	}
	j, wire, rdb := far(t, s.Addr, "aof")
	report, err := redisconn.Check(ctx, rdb, redisconn.Requirements{Durability: "aof"})
	if err != nil || !strings.Contains(report.String(), "WAITAOF after each write") {
		t.Fatalf("%s, %v", report, err)
	}
	if _, err := j.Take(ctx, order("mine", "20.00"), journal.Taking{}); err != nil {
		t.Fatal(err)
	}
	token := journal.NewToken()
	wire.LoseNextAnswer(token)
	if _, err := begin(ctx, j, "mine", token); err != nil {
		t.Fatal(err)
	}
	for _, sent := range wire.Sent(token) {
		if !strings.Contains(sent, "\r\nwaitaof\r\n") {
			t.Errorf("it went out without its wait in the same write: %q", sent)
		}
	}
	s.Restart(t)
	rec, err := j.Load(ctx, provider, payment, "mine")
	if err != nil || rec.State != refund.Sending || rec.Token != token {
		t.Errorf("after the restart: %+v, %v", rec, err)
	}
}
