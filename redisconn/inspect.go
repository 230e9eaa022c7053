package redisconn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Node is how one master stands, for people. What the server does not tell, or
// the user may not ask, is empty, zero or nil.
type Node struct {
	Address    string
	Version    string
	AppendOnly bool
	Fsync      string // appendfsync
	WriteOK    bool   // the last write and rewrite of the append-only file worked
	Eviction   string // maxmemory-policy
	Replicas   int    // that have caught up
	Clock      time.Time
	// Ahead is how far the server's clock is ahead of this machine's; the error
	// is at most half of Trip, the time that asking took.
	Ahead, Trip time.Duration
	Loading     bool
}

// Inspect asks every master how it stands. Unlike Check it judges nothing.
func Inspect(ctx context.Context, client redis.UniversalClient) ([]Node, error) {
	var mu sync.Mutex
	var nodes []Node
	each := func(ctx context.Context, c *redis.Client) error {
		n, err := inspect(ctx, c)
		if err != nil {
			return fmt.Errorf("redis %s: %w", c.Options().Addr, err)
		}
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, n)
		return nil
	}
	var err error
	switch c := client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, each)
	case *redis.Client:
		err = each(ctx, c)
	default:
		err = fmt.Errorf("%w: %T", errUnsupported, client)
	}
	return nodes, err
}

func inspect(ctx context.Context, c *redis.Client) (Node, error) {
	n := Node{Address: c.Options().Addr}
	before := time.Now()
	clock, err := c.Time(ctx).Result()
	if err != nil {
		return n, err
	}
	n.Clock, n.Trip = clock, time.Since(before)
	n.Ahead = clock.Sub(before.Add(n.Trip / 2))
	info, err := readInfo(ctx, c, "server", "memory", "persistence", "replication")
	if err != nil && !refused(err) {
		return n, err
	}
	n.Version, n.Eviction, n.AppendOnly, n.Loading = info["redis_version"], info["maxmemory_policy"], info["aof_enabled"] == "1", info["loading"] == "1"
	n.WriteOK = info["aof_last_write_status"] != "err" && info["aof_last_bgrewrite_status"] != "err"
	n.Replicas = onlineReplicas(info)
	n.Fsync, _, err = setting(ctx, c, "appendfsync")
	if err != nil && !refused(err) {
		return n, err
	}
	return n, nil
}
