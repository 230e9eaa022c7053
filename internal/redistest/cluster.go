package redistest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/providers"
)

const slots = 16384

// Cluster is a running Redis Cluster of masters without replicas.
type Cluster struct {
	URL     providers.Secret
	Servers []*Server
}

// StartCluster runs that many masters with about as many slots each, and
// returns when all agree that the cluster is well.
func StartCluster(t testing.TB, masters int, args ...string) *Cluster {
	t.Helper()
	ctx := context.Background()
	c := &Cluster{}
	var addrs []string
	for range masters {
		s := Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "5000"}, args...)...)
		c.Servers = append(c.Servers, s)
		addrs = append(addrs, s.Addr)
	}
	c.URL = providers.NewSecret("redis-cluster://" + strings.Join(addrs, ","))
	host, port, _ := net.SplitHostPort(addrs[0])
	for i, s := range c.Servers {
		must(t, s, s.Client(t).ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1))
		// Epochs of their own at once, which the gossip would settle in a while.
		must(t, s, s.Client(t).Do(ctx, "cluster", "set-config-epoch", i+1))
		if i > 0 {
			must(t, s, s.Client(t).ClusterMeet(ctx, host, port))
		}
	}
	for _, s := range c.Servers {
		Eventually(t, "the cluster has formed", func() bool {
			info := s.Client(t).ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return c
}

// Slot returns the slot of a key.
func (c *Cluster) Slot(t testing.TB, key string) int {
	t.Helper()
	n, err := c.Servers[0].Client(t).ClusterKeySlot(context.Background(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// Owner returns the master that holds the slot.
func (c *Cluster) Owner(t testing.TB, slot int) *Server {
	t.Helper()
	//lint:ignore SA1019 CLUSTER SHARDS is not there before Redis 7
	list, err := c.Servers[0].Client(t).ClusterSlots(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if slot < r.Start || slot > r.End {
			continue
		}
		for _, s := range c.Servers {
			if s.Addr == r.Nodes[0].Addr {
				return s
			}
		}
	}
	t.Fatalf("nobody holds slot %d", slot)
	return nil
}

// Move is a slot on its way from one master to another.
type Move struct {
	t        testing.TB
	c        *Cluster
	Slot     int
	From, To *Server
}

// StartMove begins to move a slot to the next master, as resharding does.
func (c *Cluster) StartMove(t testing.TB, slot int) *Move {
	t.Helper()
	from := c.Owner(t, slot)
	to := c.Servers[0]
	for i, s := range c.Servers {
		if s == from {
			to = c.Servers[(i+1)%len(c.Servers)]
		}
	}
	m := &Move{t, c, slot, from, to}
	m.set(to, "importing", m.id(from))
	m.set(from, "migrating", m.id(to))
	return m
}

// Keys moves these keys.
func (m *Move) Keys(keys ...string) {
	m.t.Helper()
	_, port, _ := net.SplitHostPort(m.To.Addr)
	args := []any{"migrate", "127.0.0.1", port, "", 0, 5000, "keys"}
	for _, k := range keys {
		args = append(args, k)
	}
	must(m.t, m.From, m.From.Client(m.t).Do(context.Background(), args...))
}

// Finish moves what is left, a few keys at a time with a pause between, and
// gives the slot to its new master.
func (m *Move) Finish(pause time.Duration) {
	m.t.Helper()
	ctx := context.Background()
	for {
		keys, err := m.From.Client(m.t).ClusterGetKeysInSlot(ctx, m.Slot, 5).Result()
		if err != nil {
			m.t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		m.Keys(keys...)
		time.Sleep(pause)
	}
	m.set(m.To, "node", m.id(m.To))
	for _, s := range m.c.Servers {
		if s != m.To {
			m.set(s, "node", m.id(m.To))
		}
	}
}

func (m *Move) set(at *Server, args ...any) {
	m.t.Helper()
	must(m.t, at, at.Client(m.t).Do(context.Background(), append([]any{"cluster", "setslot", m.Slot}, args...)...))
}

func (m *Move) id(s *Server) string {
	m.t.Helper()
	id, err := s.Client(m.t).ClusterMyID(context.Background()).Result()
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

func must(t testing.TB, s *Server, cmd redis.Cmder) {
	t.Helper()
	if err := cmd.Err(); err != nil {
		t.Fatalf("%s at %s: %v", cmd.FullName(), s.Addr, err)
	}
}
