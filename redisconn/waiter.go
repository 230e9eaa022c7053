package redisconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotDurable says that a script ran, and that its writes were not confirmed
// by as many disks or replicas as required within the time. They may be lost
// in a failover, and they may as well stay.
var ErrNotDurable = errors.New("redis: not confirmed as durable")

// Bounds of Waiter.
const (
	runTimeout   = 5 * time.Second // of a Run whose context has no deadline
	maxTries     = 3               // after network errors and the like
	maxRedirects = 5               // in a cluster that moves slots
	firstBackoff = 50 * time.Millisecond
	leastWait    = 10 * time.Millisecond // a WAIT of 0 would never end
	// An idle Redis looks for waits that are over ten times a second (hz 10), and
	// there may be two of them.
	margin = 250 * time.Millisecond
)

// Waiter runs scripts and waits until what they wrote is as durable as
// configured. It may be used concurrently.
type Waiter struct {
	client  redis.UniversalClient
	waits   waits // of a Run: WAITAOF 1 0 and WAIT 1
	timeout time.Duration
	sent    sync.Map // hashes of scripts that a server has had the text of
	lanes   sync.Map // by server and waits: *gatherer[*errand]
}

// NewWaiter returns a Waiter on a client made by OpenGuarded for the same mode:
// aof, replica, aof+replica or none. timeout is how long a confirmation may take;
// it is cut to what the client's read timeout leaves.
//
// For the disk every write asks the server that it went to by WAITAOF, whatever
// others can. A server that does not know the command has confirmed with its
// answer: the guard asked it the same before its first use, and took it only with
// appendfsync always.
func NewWaiter(client redis.UniversalClient, mode string, timeout time.Duration) *Waiter {
	req := Requirements{Durability: mode}
	w := &Waiter{client: client, waits: waits{req.disk(), req.replica()}, timeout: timeout}
	switch c := client.(type) {
	case *redis.Client:
		w.timeout = within(timeout, c.Options().ReadTimeout)
	case *redis.ClusterClient:
		w.timeout = within(timeout, c.Options().ReadTimeout)
	}
	return w
}

// within keeps a wait clear of the client's read timeout, which would take it
// for a broken connection. go-redis sets one deadline for all answers of a
// pipeline.
func within(wait, read time.Duration) time.Duration {
	if read <= 0 {
		return wait
	}
	return max(leastWait, min(wait, read-max(margin, read/5)))
}

// Run runs a script whose keys all lie in key's slot, and waits. The script is
// sent together with the WAIT or WAITAOF that it needs, on one connection,
// because these commands speak of the connection's own writes. Calls and waits
// are repeated after network errors and redirections, so the script must be
// idempotent (by a token among its arguments), and it must write something
// even when it is repeated: otherwise there is nothing to wait for.
//
// The result is the script's, nil for a script that returned nothing. After
// any error the script may have run and its writes may be there or not; with
// ErrNotDurable it did run.
func (w *Waiter) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	return w.run(ctx, key, call{script: script, keys: keys, args: args, waits: w.waits})
}

// RunPlain runs a script that only reads, or whose loss harms nobody, on the
// same server as Run would and without waiting. It is repeated like Run.
func (w *Waiter) RunPlain(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	return w.run(ctx, key, call{script: script, keys: keys, args: args})
}

func (w *Waiter) run(ctx context.Context, key string, c call) (any, error) {
	ctx, cancel := bounded(ctx, runTimeout)
	defer cancel()
	backoff := firstBackoff
	redirects := 0
	r := route{key: key}
	for try := 1; ; {
		node, err := w.node(ctx, &r)
		if err == nil {
			c.asking = r.asking
			var result any
			if result, err = c.once(ctx, w, node); err == nil {
				return result, nil
			}
		}
		next := classify(err)
		switch {
		case next == final:
			return nil, err
		case next == redirected && redirects < maxRedirects:
			redirects++
			r.follow(err)
		case next == redirected:
			return nil, fmt.Errorf("redirected %d times: %w", redirects, err)
		case try == maxTries:
			return nil, fmt.Errorf("%d tries: %w", try, err)
		default:
			try++
			r = route{key: key, stale: true}
		}
		if next == transient || r.target == "" || redirects > 1 {
			if pauseErr := pause(ctx, backoff); pauseErr != nil {
				return nil, fmt.Errorf("%w; the last try: %w", pauseErr, err)
			}
			backoff *= 2
		}
	}
}

// budget is how long the server may wait, inside what the context leaves.
func (w *Waiter) budget(ctx context.Context) time.Duration {
	wait := w.timeout
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		wait = min(wait, left-max(margin, left/10))
	}
	return max(wait, leastWait)
}

// pause waits, but not beyond the context's end.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
