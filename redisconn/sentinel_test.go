package redisconn_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/providers"
	"refundworker/redisconn"
)

// startSentinel runs one Sentinel that watches the primary as "mine".
func startSentinel(t *testing.T, primary *redistest.Server) *redistest.Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := "sentinel monitor mine " + host + " " + port + " 1\n" +
		"sentinel down-after-milliseconds mine 500\nsentinel failover-timeout mine 3000\n"
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return redistest.StartSentinel(t, file)
}

func TestOpenGuardedChecksThePrimaryAndNotTheSentinelThatNamesIt(t *testing.T) {
	primary := redistest.Start(t, safe()...)
	watch := startSentinel(t, primary)
	client, err := redisconn.OpenGuarded(providers.NewSecret("redis-sentinel://"+watch.Addr+"/mine/0"), redisconn.Requirements{Durability: "aof"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Set(context.Background(), "k", "v", 0).Err(); err != nil {
		t.Errorf("a fit primary behind a Sentinel: %v", err)
	}
}

func TestRunGoesOnAtTheNewPrimaryAfterAFailover(t *testing.T) {
	ctx := context.Background()
	first := redistest.Start(t, safe()...)
	second := redistest.StartReplica(t, first, safe()...)
	watch := startSentinel(t, first)
	client := open(t, "redis-sentinel://"+watch.Addr+"/mine/0")
	expect(t, client, redisconn.Requirements{Durability: "aof+replica"}, "1 connected replicas or more", false)
	both := redisconn.NewWaiter(client, "aof+replica", enough)
	if v, err := both.Run(ctx, "k", put, []string{"k"}, "old primary"); err != nil || v != "old primary" {
		t.Fatalf("got %v, %v", v, err)
	}
	redistest.Eventually(t, "Sentinel knows the replica", func() bool {
		replicas, err := watch.Client(t).Do(ctx, "sentinel", "replicas", "mine").Slice()
		return err == nil && len(replicas) == 1
	})

	first.Stop()
	alone := redisconn.NewWaiter(client, "aof", enough)
	redistest.Eventually(t, "the new primary takes writes", func() bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		v, err := alone.Run(ctx, "k2", put, []string{"k2"}, "new primary")
		return err == nil && v == "new primary"
	})
	if v, err := alone.RunPlain(ctx, "k", get, []string{"k"}); err != nil || v != "old primary" {
		t.Errorf("what was confirmed before the failover: got %v, %v", v, err)
	}
	if v := second.Client(t).Get(ctx, "k2").Val(); v != "new primary" {
		t.Errorf("the former replica holds %q", v)
	}
	expect(t, client, redisconn.Requirements{Durability: "aof+replica"}, "needs a connected replica", true)
}
