package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// What must hold a record before it counts: config.Durability's words.
const (
	modeAOF     = "aof"
	modeReplica = "replica"
	modeBoth    = "aof+replica"
	modeNone    = "none"
)

// checkTimeout bounds Check where its context has no deadline.
const checkTimeout = 20 * time.Second

// Requirements is what Redis must be like. An unknown Durability is held to
// the strictest.
type Requirements struct {
	Durability    string // aof, replica, aof+replica, none
	AllowEviction bool   // accept a maxmemory-policy other than noeviction
	StatedFsync   string // appendfsync as the operator says, believed only where CONFIG is forbidden

	// Admit is called with each primary that may have taken over from another one
	// without all that was confirmed to be on that one's disk, before it is used:
	// with durability aof, which waits for no replica. It may write by c; that is
	// waited for as any other write. An error keeps the server from being used.
	Admit func(ctx context.Context, c redis.Cmdable, p Primary) error

	uncounted bool // replicas are not counted
	named     bool // a Sentinel says who is the primary
}

func (r Requirements) disk() bool { return r.Durability != modeReplica && r.Durability != modeNone }
func (r Requirements) replica() bool {
	return !r.uncounted && r.Durability != modeAOF && r.Durability != modeNone
}

// Report is what Check found.
type Report struct {
	Version string // the oldest of the servers'; empty if it was not told
	Masters int
	// Replicated says that a master has replicas, one of which may take over.
	Replicated bool
	Verified   []string // what was seen
	Stated     []string // what the operator said and could not be seen
}

// String returns the report in one line for the log.
func (r Report) String() string {
	verified, stated := "nothing", "nothing"
	if len(r.Verified) > 0 {
		verified = strings.Join(r.Verified, ", ")
	}
	if len(r.Stated) > 0 {
		stated = strings.Join(r.Stated, ", ")
	}
	return fmt.Sprintf("verified: %s; only stated: %s", verified, stated)
}

// Check asks Redis, and in a cluster every master, whether it is new enough,
// forgets nothing when its memory is full, and is as durable as required. The
// error names the setting and what to do about it.
//
// What holds now may not hold after a failover or a restart with other
// settings, so call it again after a reconnect.
func Check(ctx context.Context, client redis.UniversalClient, req Requirements) (Report, error) {
	ctx, cancel := bounded(ctx, checkTimeout)
	defer cancel()
	var mu sync.Mutex
	var nodes []nodeReport
	each := func(ctx context.Context, c *redis.Client, member bool) error {
		conn := c.Conn() // one for all, since a wait speaks of its connection's own writes
		defer conn.Close()
		n, err := checkNode(ctx, conn, member, req)
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
		err = c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return each(ctx, c, true) })
	case *redis.Client:
		err = each(ctx, c, false)
	default:
		err = fmt.Errorf("%w: %T", errUnsupported, client)
	}
	if err == nil && len(nodes) == 0 {
		err = errors.New("the cluster names no master; wait until it has formed")
	}
	if err != nil {
		return Report{}, err
	}
	return summary(nodes), nil
}

// summary says of all masters what holds for each.
func summary(nodes []nodeReport) Report {
	r := Report{Version: nodes[0].version.text, Masters: len(nodes)}
	oldest, replicas := nodes[0].version, nodes[0].replicas
	for _, n := range nodes {
		if n.version.less(oldest) {
			oldest = n.version
		}
		replicas = min(replicas, n.replicas)
		r.Replicated = r.Replicated || n.replicas > 0
	}
	r.Version = oldest.text
	if oldest.text != "" {
		r.Verified = append(r.Verified, "version "+oldest.text)
	}
	if len(nodes) > 1 {
		r.Verified = append(r.Verified, fmt.Sprintf("%d masters", len(nodes)))
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		for _, line := range n.verified {
			if !seen[line] {
				r.Verified = append(r.Verified, line)
			}
			seen[line] = true
		}
		for _, line := range n.stated {
			if !seen[line] {
				r.Stated = append(r.Stated, line)
			}
			seen[line] = true
		}
	}
	if replicas > 0 {
		r.Verified = append(r.Verified, fmt.Sprintf("%d connected replicas or more of each master", replicas))
	}
	return r
}

// bounded gives a context a deadline where it has none.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}
