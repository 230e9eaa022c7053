package redisconn_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
)

const slots = 16384

// startCluster runs two masters with half of the slots each, and a replica for
// the first of them.
func startCluster(t *testing.T, args ...string) (a, b, replicaOfA *redistest.Server) {
	t.Helper()
	ctx := context.Background()
	args = append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "5000"}, args...)
	a, b, replicaOfA = redistest.Start(t, args...), redistest.Start(t, args...), redistest.Start(t, args...)
	host, port, _ := net.SplitHostPort(a.Addr)
	for _, s := range []*redistest.Server{b, replicaOfA} {
		do(t, s, s.Client(t).ClusterMeet(ctx, host, port))
	}
	do(t, a, a.Client(t).ClusterAddSlotsRange(ctx, 0, slots/2-1))
	do(t, b, b.Client(t).ClusterAddSlotsRange(ctx, slots/2, slots-1))
	for _, s := range []*redistest.Server{a, b, replicaOfA} {
		redistest.Eventually(t, "the cluster has formed", func() bool {
			info := s.Client(t).ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	do(t, replicaOfA, replicaOfA.Client(t).ClusterReplicate(ctx, nodeID(t, a)))
	redistest.Eventually(t, "the replica has caught up", func() bool {
		return strings.Contains(a.Client(t).Info(ctx, "replication").Val(), "state=online")
	})
	return a, b, replicaOfA
}

func do(t *testing.T, s *redistest.Server, cmd redis.Cmder) {
	t.Helper()
	if err := cmd.Err(); err != nil {
		t.Fatalf("%s at %s: %v", cmd.FullName(), s.Addr, err)
	}
}

func nodeID(t *testing.T, s *redistest.Server) string {
	t.Helper()
	id, err := s.Client(t).ClusterMyID(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCheckAsksEveryMasterOfACluster(t *testing.T) {
	a, b, _ := startCluster(t, safe()...)
	client := open(t, "redis-cluster://"+a.Addr)
	expect(t, client, redisconn.Requirements{Durability: "aof"}, "2 masters", false)
	expect(t, client, redisconn.Requirements{Durability: "aof+replica"}, "redis "+b.Addr+": durability aof+replica needs a connected replica", true)
	expect(t, a.Client(t), redisconn.Requirements{Durability: "aof"}, "write redis-cluster://", true)
	set(t, b.Client(t), "maxmemory-policy", "allkeys-lru")
	expect(t, client, redisconn.Requirements{Durability: "aof"}, "set it to noeviction", true)
}

func TestRunInAClusterWaitsAtTheKeysMaster(t *testing.T) {
	a, b, _ := startCluster(t)
	w := redisconn.NewWaiter(open(t, "redis-cluster://"+b.Addr), "replica", enough)
	confirmed, refused := 0, 0
	for i := range 20 {
		key := fmt.Sprintf("{%d}", i)
		slot := a.Client(t).ClusterKeySlot(context.Background(), key).Val()
		short := w
		if slot >= slots/2 { // its master has no replica, so don't wait long
			short = redisconn.NewWaiter(open(t, "redis-cluster://"+b.Addr), "replica", 1)
		}
		_, err := short.Run(context.Background(), key, put, []string{key}, "v")
		switch {
		case slot < slots/2 && err != nil:
			t.Fatalf("slot %d has a replica: %v", slot, err)
		case slot >= slots/2 && err == nil:
			t.Fatalf("slot %d has no replica and was confirmed", slot)
		case err == nil:
			confirmed++
		default:
			refused++
		}
	}
	if confirmed == 0 || refused == 0 {
		t.Errorf("%d confirmed and %d refused: both masters should have been used", confirmed, refused)
	}
}

func TestRunFollowsASlotThatMoves(t *testing.T) {
	ctx := context.Background()
	a, b, _ := startCluster(t)
	const key = "{m}"
	from, to := a, b
	slot := int(a.Client(t).ClusterKeySlot(ctx, key).Val())
	if slot >= slots/2 {
		from, to = b, a
	}
	w := redisconn.NewWaiter(open(t, "redis-cluster://"+a.Addr), "none", enough)
	run := func(when, value string) {
		t.Helper()
		if v, err := w.Run(ctx, key, put, []string{key}, value); err != nil || v != value {
			t.Fatalf("%s: got %v, %v", when, v, err)
		}
	}
	setSlot := func(at *redistest.Server, args ...any) {
		t.Helper()
		cmd := redis.NewCmd(ctx, append([]any{"cluster", "setslot", slot}, args...)...)
		_ = at.Client(t).Process(ctx, cmd)
		do(t, at, cmd)
	}
	run("at rest", "1")

	setSlot(to, "importing", nodeID(t, from))
	setSlot(from, "migrating", nodeID(t, to))
	do(t, from, from.Client(t).Migrate(ctx, "127.0.0.1", strings.Split(to.Addr, ":")[1], key, 0, 5*time.Second))
	run("asked to go elsewhere", "2")

	setSlot(to, "node", nodeID(t, to))
	setSlot(from, "node", nodeID(t, to))
	run("moved", "3")
	if v := to.Client(t).Get(ctx, key).Val(); v != "3" {
		t.Errorf("the new master holds %q", v)
	}
	if v, err := w.RunPlain(ctx, key, get, []string{key}); err != nil || v != "3" {
		t.Errorf("a read: got %v, %v", v, err)
	}
}

// A replica that takes a master's slots over may not have all of them; the other
// masters lose nothing, and neither does a slot that moves from one to another.
func TestAFailoverInAClusterMarksTheBucketsOfThatMasterOnly(t *testing.T) {
	ctx := context.Background()
	a, b, replica := startCluster(t, safe()...)
	var lineage journal.Lineage
	aof := redisconn.Requirements{Durability: "aof", Admit: func(ctx context.Context, c redis.Cmdable, p redisconn.Primary) error {
		return lineage.Admit(ctx, c, p.String(), p.MayLack)
	}}
	client, err := redisconn.OpenGuarded(secret("redis-cluster://"+a.Addr+","+b.Addr+","+replica.Addr), aof)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	j := journal.New(client, redisconn.NewWaiter(client, "aof", enough), journal.Options{})
	marked := func(s *redistest.Server) int { return len(s.Client(t).Keys(ctx, "refunds:{*}:restored").Val()) }
	admitted := func(s *redistest.Server) int { return len(s.Client(t).Keys(ctx, "refunds:{*}:primary").Val()) }
	expect(t, client, aof, "2 masters", false)
	if since, err := j.RestoredSince(ctx); err != nil || !since.IsZero() {
		t.Fatalf("marked since %s, %v", since, err)
	}
	if n := admitted(a) + admitted(b); n != journal.Buckets {
		t.Fatalf("%d buckets are admitted", n)
	}

	// One bucket moves.
	var moved string
	for _, key := range a.Client(t).Keys(ctx, "refunds:{*}:primary").Val() {
		moved = key
	}
	slot := int(a.Client(t).ClusterKeySlot(ctx, moved).Val())
	host, port, _ := net.SplitHostPort(b.Addr)
	do(t, b, b.Client(t).Do(ctx, "cluster", "setslot", slot, "importing", nodeID(t, a)))
	do(t, a, a.Client(t).Do(ctx, "cluster", "setslot", slot, "migrating", nodeID(t, b)))
	do(t, a, a.Client(t).Do(ctx, "migrate", host, port, moved, 0, 5000))
	for _, s := range []*redistest.Server{b, a} {
		do(t, s, s.Client(t).Do(ctx, "cluster", "setslot", slot, "node", nodeID(t, b)))
	}
	expect(t, client, aof, "2 masters", false)
	if name := b.Client(t).Get(ctx, moved).Val(); !strings.HasSuffix(name, b.Addr) || marked(a)+marked(b) != 0 {
		t.Errorf("the bucket that moved is admitted on %s, %d are marked", name, marked(a)+marked(b))
	}

	redistest.Eventually(t, "the replica has all of it", func() bool { return admitted(replica) == admitted(a) })
	ofA := admitted(a)
	a.Stop()
	do(t, replica, replica.Client(t).Do(ctx, "cluster", "failover", "takeover"))
	redistest.Eventually(t, "the new master is admitted", func() bool {
		_, err := redisconn.Check(ctx, client, aof)
		return err == nil && marked(replica) > 0
	})
	if marked(replica) != ofA || marked(b) != 0 {
		t.Errorf("%d buckets of %d are marked, and %d of the other master's", marked(replica), ofA, marked(b))
	}
	if since, err := j.RestoredSince(ctx); err != nil || since.IsZero() {
		t.Errorf("marked since %s, %v", since, err)
	}
}
