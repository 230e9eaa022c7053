package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

var errUnsupported = errors.New("redis: this kind of client is not supported, use Open")

// route says where the next try goes.
type route struct {
	key    string
	stale  bool   // learn the cluster's slots anew first
	target string // the address that a redirection named
	asking bool   // for this try only: the slot is on its way to target
}

// follow takes an answer "MOVED slot host:port" or "ASK slot host:port".
func (r *route) follow(err error) {
	fields := strings.Fields(err.Error())
	*r = route{key: r.key, stale: true}
	if len(fields) == 3 {
		r.target, r.asking = fields[2], fields[0] == "ASK"
	}
}

// node returns the client of the primary that holds r.key. Outside of a
// cluster that is the client itself, which finds the primary again after a
// failover. The route's directions are used up.
func (w *Waiter) node(ctx context.Context, r *route) (*redis.Client, error) {
	switch c := w.client.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return r.master(ctx, c)
	}
	return nil, fmt.Errorf("%w: %T", errUnsupported, w.client)
}

func (r *route) master(ctx context.Context, c *redis.ClusterClient) (*redis.Client, error) {
	target, stale := r.target, r.stale
	r.target, r.stale = "", false
	if !stale {
		return c.MasterForKey(ctx, r.key)
	}
	// ReloadState only starts a reload in the background; ForEachMaster waits
	// for one, and shows the clients by address.
	var mu sync.Mutex
	var named *redis.Client
	err := c.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if node.Options().Addr == target {
			named = node
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if named != nil {
		return named, nil
	}
	r.asking = false // ASKING is for the server that was named, and only for it
	return c.MasterForKey(ctx, r.key)
}

// verdict says what an error asks for.
type verdict int

const (
	final verdict = iota
	transient
	redirected
)

// transientPrefixes are the answers of a server that can't now, or no longer.
var transientPrefixes = []string{"LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "BUSY "}

func classify(err error) verdict {
	switch {
	case errors.Is(err, ErrNotDurable), errors.Is(err, errUnsupported), errors.Is(err, context.Canceled), errors.Is(err, redis.ErrClosed):
		return final
	case redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"):
		return redirected
	}
	if !refused(err) {
		return transient // the network
	}
	for _, prefix := range transientPrefixes {
		if redis.HasErrorPrefix(err, prefix) {
			return transient
		}
	}
	return final
}
