package redisconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// call is one script with what has to be waited for.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	waits  waits
	asking bool // the server is taking the slot over and must be told that we know
}

// waits are the confirmations behind a write.
type waits struct{ disk, replica bool }

func (s waits) none() bool { return !s.disk && !s.replica }

// atOnce is how many requests with these waits are under way at once: a second
// one is ready when the disk or the replica has done with the first.
func (s waits) atOnce() int {
	if s.none() {
		return 1
	}
	return 2
}

// errand is a call on its way, with what came of it.
type errand struct {
	call
	bySHA  bool
	result any
	err    error
}

// once sends the call in one round trip, and again with the script's text if
// the server does not have it.
//
// The wait behind an unknown script is lost time, so the first call of each
// script carries its text, and only a new server can ask for it again.
func (c call) once(ctx context.Context, w *Waiter, node *redis.Client) (any, error) {
	if _, sent := w.sent.Load(c.script.Hash()); sent {
		result, err := w.send(ctx, node, c, true)
		if !redis.HasErrorPrefix(err, "NOSCRIPT") {
			return result, err
		}
	}
	result, err := w.send(ctx, node, c, false)
	if err == nil {
		w.sent.Store(c.script.Hash(), true)
	}
	return result, err
}

// bulk is how many arguments make a call a request of its own.
const bulk = 256

// send sends a call, with others that want the same of the same server if there
// are any at this moment. One that has less time than a wait may take goes alone:
// it shortens nobody else's time and sends for nobody else. So does one that carries
// much: it gains nothing from company, and while one is answered and the next one made
// ready, the server is to have something to do.
func (w *Waiter) send(ctx context.Context, node *redis.Client, c call, bySHA bool) (any, error) {
	e := &errand{call: c, bySHA: bySHA}
	budget := w.budget(ctx)
	if c.asking || budget < w.timeout || len(c.args) >= bulk {
		exchange(ctx, node, c.waits, budget, e)
		return e.result, e.err
	}
	if _, err := w.lane(node, c.waits).do(ctx, e); err != nil {
		return nil, err
	}
	return e.result, e.err
}

// lane is the way of calls with the same waits to one server.
func (w *Waiter) lane(node *redis.Client, s waits) *gatherer[*errand] {
	type way struct {
		node  *redis.Client
		waits waits
	}
	if found, ok := w.lanes.Load(way{node, s}); ok {
		return found.(*gatherer[*errand])
	}
	found, _ := w.lanes.LoadOrStore(way{node, s}, &gatherer[*errand]{atOnce: s.atOnce(), send: func(together []*errand) {
		ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
		defer cancel()
		exchange(ctx, node, s, w.budget(ctx), together...)
	}})
	return found.(*gatherer[*errand])
}

// exchange sends errands in one round trip, with one wait behind all of them, and
// fills in what became of each. go-redis writes and reads a whole pipeline on one
// connection (withPipelineConn in redis.go), and its retries send all of it again,
// so a confirmation always belongs to the writes before it.
func exchange(ctx context.Context, node *redis.Client, s waits, wait time.Duration, together ...*errand) {
	pipe := node.Pipeline()
	ran := make([]*redis.Cmd, len(together))
	for i, e := range together {
		if e.asking {
			pipe.Do(ctx, "asking")
		}
		if e.bySHA {
			ran[i] = e.script.EvalSha(ctx, pipe, e.keys, e.args...)
		} else {
			ran[i] = e.script.Eval(ctx, pipe, e.keys, e.args...)
		}
		ran[i].SetErr(errUnsent) // until there is an answer: see Exec
	}
	var onDisk *redis.IntSliceCmd
	var onReplica *redis.IntCmd
	if s.disk {
		// WAITAOF speaks of the same writes as the WAIT after it, so replicas
		// acknowledge while the disk is waited for. A server that does not know it
		// leaves the replicas no more than their own half.
		if s.replica {
			wait /= 2
		}
		onDisk = redis.NewIntSliceCmd(ctx, "waitaof", 1, 0, milliseconds(wait))
		_ = pipe.Process(ctx, onDisk) // queues it; its error comes with Exec
	}
	if s.replica {
		onReplica = redis.NewIntCmd(ctx, "wait", 1, milliseconds(wait))
		_ = pipe.Process(ctx, onReplica)
	}
	_, failed := pipe.Exec(ctx)
	err := failed // the network's, whatever had been answered by then
	if err == nil || refused(err) || errors.Is(err, redis.Nil) {
		err = confirmedAll(onDisk, onReplica)
	}
	for i, e := range together {
		if e.result, e.err = ran[i].Result(); e.err == errUnsent && failed != nil {
			e.err = failed
		}
		if errors.Is(e.err, redis.Nil) {
			e.err = nil
		}
		if e.err == nil {
			e.err = err
		}
	}
}

// confirmedAll judges the answers to the waits; nil: there was none.
func confirmedAll(onDisk *redis.IntSliceCmd, onReplica *redis.IntCmd) error {
	// Without the command the write was on disk before its answer left: see
	// checkDisk, which sorts the servers by this very answer.
	if onDisk != nil && !unknownCommand(onDisk.Err()) {
		if err := confirmed("disk", onDisk.Err(), func() bool { return len(onDisk.Val()) > 0 && onDisk.Val()[0] >= 1 }); err != nil {
			return err
		}
	}
	if onReplica != nil {
		return confirmed("replica", onReplica.Err(), func() bool { return onReplica.Val() >= 1 })
	}
	return nil
}

// confirmed judges one answer to WAIT or WAITAOF.
func confirmed(what string, err error, enough func() bool) error {
	switch {
	case err != nil && !refused(err):
		return err
	case redis.HasErrorPrefix(err, "UNBLOCKED"): // the primary stepped down meanwhile
		return err
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrNotDurable, what, err)
	case !enough():
		return fmt.Errorf("%w: no %s confirmed it in time", ErrNotDurable, what)
	}
	return nil
}

// milliseconds rounds up: 0 would wait for ever.
func milliseconds(d time.Duration) int64 { return max(1, (d + time.Millisecond - 1).Milliseconds()) }
