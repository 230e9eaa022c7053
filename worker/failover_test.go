package worker_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/redisconn"
	"refundworker/refund"
)

var failovers = flag.Uint64("failovers", 3, "how many failovers under load are tried, each by a seed of its own")

// onDisk are the servers' arguments that a durability needs.
func onDisk(d config.Durability) []string {
	if d == config.AOF {
		return []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	return nil
}

// The primary dies while refunds are sent and replication lags; Sentinel makes
// the replica the primary, without what had not reached it. The workers run on.
// With replica nothing was sent that the new primary does not know; with aof it was,
// and so the journal is marked before anything is sent there.
func TestWithDurabilityReplicaNothingIsPaidTwiceOverAFailover(t *testing.T) {
	overFailovers(t, config.Replica)
}

func TestWithDurabilityAOFNothingIsPaidTwiceOverAFailover(t *testing.T) {
	overFailovers(t, config.AOF)
}

func overFailovers(t *testing.T, durability config.Durability) {
	t.Parallel()
	for seed := uint64(1); seed <= *failovers; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			primary := redistest.Start(t, onDisk(durability)...)
			replica, wire := startFarReplica(t, primary, onDisk(durability)...)
			watch := startSentinel(t, primary)
			r := rigOn(t, withDurability(durability, map[string]string{"reconcile": "{first: 200ms, settle: 4s}", "rate_limit": "20/s"}),
				"redis-sentinel://"+watch.Addr+"/mine/0")

			type order struct{ company, payment, id string }
			var orders []order
			enqueue := func(n int) {
				for range n {
					company := sandbox.Companies[rng.IntN(3)]
					payment := r.pays(company, 500_00)
					switch rng.IntN(4) {
					case 0:
						r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: time.Duration(rng.IntN(900)) * time.Millisecond})
					case 1:
						r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
					}
					orders = append(orders, order{company, payment, r.insist(request(company, payment, "100.00"))})
				}
			}
			enqueue(60)
			caughtUp(t, primary, replica)
			r.startWith(r.second(), "one")
			r.startWith(r.second(), "two")
			calls := func() (n int) {
				for _, company := range sandbox.Companies {
					n += r.companies.Calls(company, sandbox.OpRefund)
				}
				return n
			}
			enough := 3 + rng.IntN(15)
			r.until("the first calls", func() bool { return calls() >= enough }, r.log.String)
			wire.Hold()
			<-time.After(time.Duration(rng.IntN(600)) * time.Millisecond) // how long it lags
			primary.Stop()
			wire.Cut()
			wire.Release()
			redistest.Eventually(t, "the failover", func() bool {
				return strings.Contains(replica.Client(t).Info(t.Context(), "replication").Val(), "role:master")
			})
			redistest.StartReplica(t, replica)
			enqueue(10)
			for _, o := range orders {
				r.agrees(r.ended(o.id), o.company, o.payment, 100_00)
			}
			r.marked(durability == config.AOF)
		})
	}
}

// marked checks whether the journal is marked as behind the world.
func (r *rig) marked(want bool) {
	r.t.Helper()
	since, err := r.backend.Journal.RestoredSince(r.t.Context())
	if err != nil || since.IsZero() == want {
		r.t.Errorf("the journal is marked as behind the world since %s, %v; want it marked: %v", since, err, want)
	}
}

// lostInFailover sends a refund while its write-ahead can't reach the replica,
// kills the primary, and returns the rig on the replica, which knows the refund
// as queued.
func lostInFailover(t *testing.T, company string, durability config.Durability, sent func(r *rig, id string) bool) (r *rig, payment, id string) {
	t.Helper()
	primary := redistest.Start(t, onDisk(durability)...)
	replica, wire := startFarReplica(t, primary, onDisk(durability)...)
	s := withDurability(durability, map[string]string{"timeout": "3s", "reconcile": "{first: 200ms, settle: 4s}"})
	s.companies = []string{company}
	old := rigOn(t, s, "redis://"+primary.Addr)
	payment = old.pays(company, 500_00)
	id = old.enqueue(request(company, payment, "100.00"))
	caughtUp(t, primary, replica)
	wire.Hold()
	kill := old.spawn()
	old.until("the worker to get that far", func() bool { return sent(old, id) }, old.log.String)
	kill()
	primary.Stop()
	wire.Cut()
	wire.Release()
	promote(t, replica)
	redistest.StartReplica(t, replica)
	r = old.at("redis://" + replica.Addr)
	if rec := r.get(id); rec.State != refund.Queued || rec.Attempts != 0 {
		t.Fatalf("the replica should not know of the attempt: %s", r.story(rec))
	}
	return r, payment, id
}

// The construction of the next test, with the write-ahead confirmed by the
// replica: then there is nothing to lose.
func TestWithDurabilityReplicaNothingIsSentThatAFailoverCouldForget(t *testing.T) {
	t.Parallel()
	for _, company := range sandbox.Companies {
		t.Run(company, func(t *testing.T) {
			t.Parallel()
			r, payment, id := lostInFailover(t, company, config.Replica, func(r *rig, id string) bool {
				rec, err := r.backend.Journal.Get(t.Context(), id)
				return err == nil && rec.Attempts > 0
			})
			r.calls(company, 0)
			r.startWith(r.second(), "next")
			if rec := r.waitFor(id, refund.Succeeded); rec.Attempts != 1 {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, 100_00)
			r.calls(company, 1)
			r.marked(false)
		})
	}
}

// Durability aof lets an attempt go out that the new primary knows nothing of, and
// nobody was there to see the failover. What the journal last knew of the old
// primary tells whoever comes next.
func TestWithDurabilityAOFAnAttemptThatAFailoverForgotIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, company := range sandbox.Companies {
		t.Run(company, func(t *testing.T) {
			t.Parallel()
			r, payment, id := lostInFailover(t, company, config.AOF, func(r *rig, _ string) bool {
				return r.companies.Calls(company, sandbox.OpRefund) == 1
			})
			r.marked(true)
			fresh := r.pays(company, 500_00)
			r.startWith(r.second(), "next")
			if rec := r.waitFor(id, refund.Review); rec.ReasonCode != "after_restore" {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, 100_00)
			r.calls(company, 1)
			r.waitFor(r.enqueue(request(company, fresh, "60.00")), refund.Succeeded)
			r.until("the log says what to do", func() bool { return strings.Contains(r.log.String(), "refundctl after-restore --done") })
		})
	}
}

// A server that starts again from its own append-only file has forgotten nothing.
func TestARestartOfTheSameRedisIsNoFailover(t *testing.T) {
	t.Parallel()
	s := durable(map[string]string{"reconcile": "{first: 200ms, settle: 1h}"}) // waiting for it would be noticed
	s.companies = []string{sandbox.UnitPay}
	r := newRig(t, s)
	payment := r.pays(sandbox.UnitPay, 500_00)
	id := r.enqueue(request(sandbox.UnitPay, payment, "100.00"))
	r.redis.Restart(t)
	r.startWith(r.second(), "next")
	r.waitFor(id, refund.Succeeded)
	r.redis.Restart(t)
	r.until("Redis is there again", func() bool { return r.raw.Ping(t.Context()).Err() == nil })
	r.waitFor(r.insist(request(sandbox.UnitPay, payment, "50.00")), refund.Succeeded)
	r.marked(false)
}

// This is what durability none costs, shown on purpose: the write-ahead of an
// attempt is lost with the primary, the new primary knows the refund as queued,
// and it is sent again. UnitPay refuses the same amount within half an hour, so
// that it pays once all the same, for its own reason and not by ours.
func TestWithDurabilityNoneAFailoverForgetsAnAttemptAndItIsPaidTwice(t *testing.T) {
	t.Parallel()
	for company, want := range map[string]int64{sandbox.UnitPay: 100_00, sandbox.Maib: 200_00, sandbox.Sberbank: 200_00} {
		t.Run(company, func(t *testing.T) {
			t.Parallel()
			r, payment, id := lostInFailover(t, company, config.DurabilityNone, func(r *rig, _ string) bool {
				return r.companies.Calls(company, sandbox.OpRefund) == 1
			})
			r.startWith(r.second(), "next")
			r.ended(id)
			r.until("both to have moved", func() bool { return r.companies.Pending(company, payment) == 0 })
			r.moved(company, payment, want)
			if calls := r.companies.Calls(company, sandbox.OpRefund); calls < 2 {
				t.Errorf("it should have been sent again, and was sent %d times", calls)
			}
		})
	}
}

// After such a failover, as after restoring a backup, the operator's mark makes
// the provider's word count before anything is sent.
func TestAfterRestoreSendsNothingThatAFailoverForgot(t *testing.T) {
	t.Parallel()
	for _, company := range sandbox.Companies {
		t.Run(company, func(t *testing.T) {
			t.Parallel()
			r, payment, id := lostInFailover(t, company, config.DurabilityNone, func(r *rig, _ string) bool {
				return r.companies.Calls(company, sandbox.OpRefund) == 1
			})
			if err := r.backend.Journal.AfterRestore(context.Background(), time.Now()); err != nil {
				t.Fatal(err)
			}
			r.startWith(r.second(), "next")
			if rec := r.waitFor(id, refund.Review); rec.ReasonCode != "after_restore" {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, 100_00)
			r.calls(company, 1)
		})
	}
}

// What became of a refund is told when it can no longer be forgotten, not when
// it is written: an order system that was told "declined" must not see it paid.
func TestWithDurabilityReplicaAnOutcomeIsToldOnceTheReplicaHasIt(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	replica, wire := startFarReplica(t, primary)
	s := withDurability(config.Replica, map[string]string{"timeout": "5s", "preflight": "false"})
	s.companies = []string{sandbox.Maib}
	r := rigOn(t, s, "redis://"+primary.Addr)
	payment := r.pays(sandbox.Maib, 50_00)
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: 500 * time.Millisecond})
	r.start()
	id := r.enqueue(request(sandbox.Maib, payment, "100.00")) // more than the payment: maib declines it
	r.until("the call", func() bool { return r.companies.Calls(sandbox.Maib, sandbox.OpRefund) == 1 }, r.log.String)
	caughtUp(t, primary, replica)
	wire.Hold()
	raw := primary.Client(t)
	r.waitFor(id, refund.Declined)
	if _, err := r.backend.Journal.RelayAll(t.Context()); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("the outcome was relayed: %v", err)
	}
	if n := raw.XLen(t.Context(), journal.Events).Val(); n != 0 {
		t.Errorf("%d events were told", n)
	}
	wire.Release()
	r.until("the event", func() bool { return raw.XLen(t.Context(), journal.Events).Val() > 0 }, r.log.String)
}

// A failover is an occasion to mark the journal, and the next one must not forget
// the mark.
func TestWithDurabilityReplicaTheMarkOfARestoreIsTheReplicasToo(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	replica, wire := startFarReplica(t, primary)
	s := withDurability(config.Replica, map[string]string{"timeout": "5s"})
	s.companies = []string{sandbox.Maib}
	r := rigOn(t, s, "redis://"+primary.Addr)
	caughtUp(t, primary, replica)
	wire.Hold()
	if err := r.backend.Journal.AfterRestore(t.Context(), time.Now()); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("the mark is said to stand, and no replica has it: %v", err)
	}
	wire.Release()
	if err := r.backend.Journal.AfterRestore(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	if n := replica.Client(t).Exists(t.Context(), "refunds:{000}:restored").Val(); n != 1 {
		t.Error("the replica does not have the mark")
	}
}
