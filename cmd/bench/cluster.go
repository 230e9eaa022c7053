package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/pflag"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/providers/sandbox"
)

// clusterSettings measure Redis Cluster.
type clusterSettings struct {
	refunds int
	nodes   []int
}

func clusterExperiment() experiment {
	s := &clusterSettings{}
	return experiment{
		name:  "cluster",
		short: "Measure how a Redis Cluster shares the work",
		long: `Start clusters of so many masters on this machine, have one worker settle
refunds of all three companies, and measure how keys, memory, commands and
processors' time spread over the masters.`,
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.refunds, "refunds", 1000, "refunds of each company")
			f.IntSliceVar(&s.nodes, "masters", []int{1, 3}, "how many masters")
		},
		check: func() error {
			return firstOf(within("refunds", s.refunds, 1, 100_000), eachWithin("masters", s.nodes, 1, 16))
		},
		run: s.run,
	}
}

type clusterFinding struct {
	Refunds int          `json:"refunds"` // of all companies
	Rows    []clusterRow `json:"rows"`
}

type clusterRow struct {
	Masters   int          `json:"masters"`
	PerSecond float64      `json:"refunds_per_second"`
	Worker    cost         `json:"cpu_worker"`
	Nodes     []clusterOne `json:"nodes"`
}

// clusterOne is one master's part.
type clusterOne struct {
	Buckets  int      `json:"buckets"` // of the journal's 256
	Queues   []string `json:"queues"`
	Keys     int64    `json:"keys"`
	Memory   int64    `json:"memory_bytes"`
	Commands float64  `json:"redis_commands"` // per refund of all
	Redis    cost     `json:"cpu_redis"`      // the same
}

func (s *clusterSettings) run(ctx context.Context, l *lab) (finding, error) {
	simulator, err := startSimulator(ctx, 0)
	if err != nil {
		return nil, err
	}
	l.ends = append(l.ends, simulator.stop)
	found := &clusterFinding{Refunds: s.refunds * len(sandbox.Companies)}
	for _, n := range s.nodes {
		l.say("%d masters", n)
		row, err := s.measure(ctx, l, simulator, n)
		if err != nil {
			return nil, fmt.Errorf("%d masters: %w", n, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

func (s *clusterSettings) measure(ctx context.Context, l *lab, simulator *simulator, n int) (clusterRow, error) {
	row := clusterRow{Masters: n}
	c, err := startCluster(ctx, n)
	defer c.close()
	if err != nil {
		return row, err
	}
	l.redis = c.nodes[0].version
	b := &bench{settings: settings{refunds: s.refunds, concurrency: 32}, store: c.entry, simulator: simulator}
	first := map[string]int64{}
	for _, company := range sandbox.Companies {
		one := *b
		one.provider = company
		if first[company], err = simulator.reserve(ctx, company, int64(s.refunds)); err != nil {
			return row, err
		}
		if _, err := one.fill(ctx, &ourSide{bench: &one}, first[company]); err != nil {
			return row, err
		}
	}
	if err := s.settle(ctx, b, c, &row); err != nil {
		return row, err
	}
	for _, company := range sandbox.Companies {
		if _, err := simulator.settled(ctx, company, first[company], int64(s.refunds)); err != nil {
			return row, err
		}
	}
	return row, c.share(ctx, row.Nodes)
}

func (s *clusterSettings) settle(ctx context.Context, b *bench, c *cluster, row *clusterRow) error {
	ctx, cancel := context.WithTimeout(ctx, 3*b.roundTime())
	defer cancel()
	workers, prepared, err := preparePods(ctx, 1, b.setup(path{}, sandbox.Companies...))
	if err != nil {
		return err
	}
	defer workers.end()
	goal := map[string]int64{}
	for _, company := range sandbox.Companies {
		calls, err := b.simulator.calls(ctx, company)
		if err != nil {
			return err
		}
		goal[company] = calls + int64(s.refunds)
	}
	before, err := c.gauges(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := workers.run(ctx); err != nil {
		return err
	}
	for _, company := range sandbox.Companies {
		for calls := int64(0); calls < goal[company]; {
			if calls, err = b.simulator.reached(ctx, company, goal[company]); err != nil {
				return fmt.Errorf("%d refunds of %s were not sent in time: %w", goal[company]-calls, company, err)
			}
		}
	}
	all := s.refunds * len(sandbox.Companies)
	row.PerSecond = float64(all) / time.Since(start).Seconds()
	after, err := c.gauges(ctx)
	if err != nil {
		return err
	}
	state, err := workers.look(ctx)
	row.Worker = state.CPU.since(prepared.CPU).per(all)
	for i := range c.nodes {
		row.Nodes = append(row.Nodes, clusterOne{Memory: after[i].memory,
			Commands: float64(after[i].commands-before[i].commands-1) / float64(all), Redis: after[i].cpu.since(before[i].cpu).per(all)})
	}
	return err
}

// cluster is masters without replicas, on this machine.
type cluster struct {
	nodes []*store
	entry *store // what a worker is told; it has no client of its own
}

const clusterSlots = 16384

func startCluster(ctx context.Context, masters int) (*cluster, error) {
	c := &cluster{}
	var addrs []string
	for range masters {
		node := &store{extra: []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "5000"}}
		if err := node.start(ctx, fsyncOff); err != nil {
			return c, err
		}
		c.nodes, addrs = append(c.nodes, node), append(addrs, node.addr)
		if err := node.inspect(quietly(ctx)); err != nil {
			return c, err
		}
	}
	c.entry = &store{url: providers.NewSecret("redis-cluster://" + strings.Join(addrs, ",")), durability: config.DurabilityNone, label: "cluster"}
	host, port, _ := net.SplitHostPort(addrs[0])
	for i, node := range c.nodes {
		pipe := node.client.Pipeline()
		pipe.ClusterAddSlotsRange(ctx, clusterSlots*i/masters, clusterSlots*(i+1)/masters-1)
		pipe.Do(ctx, "cluster", "set-config-epoch", i+1)
		if i > 0 {
			pipe.ClusterMeet(ctx, host, port)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return c, fmt.Errorf("form the cluster: %w", err)
		}
	}
	return c, c.formed(ctx)
}

// formed waits until all masters agree that the cluster is well.
func (c *cluster) formed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for _, node := range c.nodes {
		for {
			info, err := node.client.ClusterInfo(ctx).Result()
			if err != nil {
				return fmt.Errorf("the cluster has not formed: %w", err)
			}
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(c.nodes))) {
				break
			}
			if err := wait(ctx, 20*time.Millisecond); err != nil {
				return fmt.Errorf("the cluster has not formed: %w: %s", err, info)
			}
		}
	}
	return nil
}

func (c *cluster) close() {
	for _, node := range c.nodes {
		node.close()
	}
}

func (c *cluster) gauges(ctx context.Context) ([]gauge, error) {
	list := make([]gauge, len(c.nodes))
	for i, node := range c.nodes {
		var err error
		if list[i], err = node.gauge(ctx); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// share says which buckets and queues lie on each master, and how many keys.
func (c *cluster) share(ctx context.Context, nodes []clusterOne) error {
	owner := func(key string) (int, error) {
		slot, err := c.nodes[0].client.ClusterKeySlot(ctx, key).Result()
		for i := range c.nodes {
			if slot < int64(clusterSlots*(i+1)/len(c.nodes)) {
				return i, err
			}
		}
		return 0, err
	}
	for bucket := range journal.Buckets {
		i, err := owner(fmt.Sprintf("{%03d}", bucket))
		if err != nil {
			return err
		}
		nodes[i].Buckets++
	}
	for _, company := range sandbox.Companies {
		i, err := owner("asynq:{" + company + "}:pending")
		if err != nil {
			return err
		}
		nodes[i].Queues = append(nodes[i].Queues, company)
	}
	for i, node := range c.nodes {
		var err error
		if nodes[i].Keys, err = node.client.DBSize(ctx).Result(); err != nil && err != redis.Nil {
			return err
		}
	}
	return nil
}

func (f *clusterFinding) sheets() []sheet {
	all := sheet{title: fmt.Sprintf("A cluster on one machine, %d refunds of three companies", f.Refunds), columns: []string{"MASTERS", "REFUNDS/S", "CPU µs WORKER", "REDIS, ALL MASTERS"}}
	each := sheet{title: "Each master's part, per refund of all", columns: []string{"MASTERS", "MASTER", "BUCKETS", "QUEUES", "KEYS", "MEMORY", "COMMANDS", "CPU µs"}}
	for _, r := range f.Rows {
		var sum cost
		for i, n := range r.Nodes {
			sum.User += n.Redis.User
			sum.System += n.Redis.System
			each.row(fmt.Sprint(r.Masters), fmt.Sprint(i+1), fmt.Sprint(n.Buckets), strings.Join(n.Queues, " "), fmt.Sprint(n.Keys), mebibytes(float64(n.Memory)),
				fmt.Sprintf("%.1f", n.Commands), n.Redis.String())
		}
		all.row(fmt.Sprint(r.Masters), fmt.Sprintf("%.0f", r.PerSecond), r.Worker.String(), sum.String())
	}
	return []sheet{all, each}
}
