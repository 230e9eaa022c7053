package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

// admitted opens a guarded client and returns the primary that it asked to admit.
func admitted(t *testing.T, url string) redisconn.Primary {
	t.Helper()
	var got []redisconn.Primary
	client, err := redisconn.OpenGuarded(secret(url), redisconn.Requirements{Durability: "aof",
		Admit: func(_ context.Context, _ redis.Cmdable, p redisconn.Primary) error {
			got = append(got, p)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(context.Background()).Err(); err != nil || len(got) != 1 {
		t.Fatalf("%v, %d primaries", err, len(got))
	}
	return got[0]
}

func TestOnlyAPromotedPrimaryMayLackWhatTheOneBeforeItHad(t *testing.T) {
	first := redistest.Start(t, safe()...)
	replica := redistest.StartReplica(t, first, safe()...)
	before := admitted(t, first.URL.Reveal())
	if before.Promoted || before.Address != first.Addr || before.MayLack("somebody else") || before.MayLack(before.String()) {
		t.Errorf("a new server: %+v", before)
	}

	first.Restart(t)
	again := admitted(t, first.URL.Reveal())
	if again.String() == before.String() || again.Promoted || again.MayLack(before.String()) {
		t.Errorf("the same server after a restart: %+v, before: %+v", again, before)
	}

	redistest.Eventually(t, "the replica is connected again", func() bool {
		return strings.Contains(replica.Client(t).Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
	if err := replica.Client(t).ReplicaOf(context.Background(), "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	next := admitted(t, replica.URL.Reveal())
	if !next.Promoted || !next.MayLack(again.String()) || next.MayLack(next.String()) {
		t.Errorf("a replica that took over: %+v", next)
	}

	// A primary that became one by a failover is itself when it starts again.
	replica.Restart(t) // with --replicaof, from its arguments
	if err := replica.Client(t).ReplicaOf(context.Background(), "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	if p := admitted(t, replica.URL.Reveal()); !p.MayLack(next.String()) {
		t.Errorf("it started as a replica, and was promoted again: %+v", p)
	}
}

// Behind Sentinel the address tells a restart from another server that has started
// as the primary; elsewhere the address may change with each restart.
func TestAnotherAddressIsAnotherServerBehindSentinelOnly(t *testing.T) {
	s := redistest.Start(t, safe()...)
	watch := startSentinel(t, s)
	for url, want := range map[string]bool{"redis-sentinel://" + watch.Addr + "/mine/0": true, s.URL.Reveal(): false} {
		p := admitted(t, url)
		if p.MayLack("other run " + p.Address) {
			t.Errorf("%s: the server of the same address: %+v", url, p)
		}
		if got := p.MayLack("other run 192.0.2.1:6379"); got != want {
			t.Errorf("%s: a server of another address: %v", url, got)
		}
		if p.MayLack("other run") {
			t.Errorf("%s: nobody knows the address of the one before", url)
		}
	}
}

func TestAPrimaryThatIsNotAdmittedIsNotUsed(t *testing.T) {
	s := redistest.Start(t, safe()...)
	no := errors.New("not now")
	refuse := func(context.Context, redis.Cmdable, redisconn.Primary) error { return no }
	for mode, used := range map[string]bool{"aof": false, "none": true} { // none: nothing is looked at
		client, err := redisconn.OpenGuarded(s.URL, redisconn.Requirements{Durability: mode, Admit: refuse})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.Set(context.Background(), "k", "v", 0).Err(); (err == nil) != used || err != nil && !errors.Is(err, no) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestAGuardedClientTakesNoReplicaForAPrimary(t *testing.T) {
	first := redistest.Start(t, safe()...)
	replica := redistest.StartReplica(t, first, safe()...)
	client, err := redisconn.OpenGuarded(replica.URL, redisconn.Requirements{Durability: "aof"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// A connection that was made now would be used unseen after a promotion.
	if err := client.Ping(context.Background()).Err(); err == nil || !strings.Contains(err.Error(), "is a replica") {
		t.Errorf("got %v", err)
	}
}
