package redisconn

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"refundworker/providers"
)

// OpenGuarded is Open for those whose writes must last: before a new connection
// is used, the server behind it is checked against the requirements, and admitted
// where they say how, once for each time that it is a primary. So a primary that
// took over, or came back with other settings, gets no write before it was found
// fit; until then every call fails with the setting's name.
//
// Replicas that must confirm are not counted here, because each write's WAIT
// does that. A setting that is changed while the server runs is not seen: call
// Check now and then. With durability none it is the same as Open.
func OpenGuarded(u providers.Secret, req Requirements) (redis.UniversalClient, error) {
	if req.Durability == modeNone {
		return Open(u)
	}
	t, err := parse(u)
	if err != nil {
		return nil, fmt.Errorf("the redis URL %w", err)
	}
	req.uncounted, req.named = true, t.kind == sentinel
	g := &guard{req: req, member: t.kind == cluster}
	return connect(u, g.greet)
}

// guard remembers the servers that were found fit.
type guard struct {
	req    Requirements
	member bool
	fit    sync.Map // run_id and master_replid, which a promotion makes anew: true
}

func (g *guard) greet(ctx context.Context, conn *redis.Conn) error {
	info, err := readInfo(ctx, conn, "server", "replication")
	if err != nil {
		return fmt.Errorf("redis server can't be verified: %w", err)
	}
	// A cluster's client asks a replica for the slots, and it takes no writes.
	// When it takes over it is checked at the next connection. A Sentinel, which
	// go-redis greets in the same way, keeps nothing of ours.
	if g.member && info["role"] == "slave" || info["redis_mode"] == "sentinel" {
		return nil
	}
	id := info["run_id"] + " " + info["master_replid"]
	if _, known := g.fit.Load(id); known && info["run_id"] != "" {
		return nil
	}
	if _, err := checkNode(ctx, conn, g.member, g.req); err != nil {
		return fmt.Errorf("redis server is not fit: %w", err)
	}
	g.fit.Store(id, true)
	return nil
}
