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
	script        *redis.Script
	keys          []string
	args          []any
	disk, replica bool
	wait          time.Duration // for all confirmations together
	asking        bool          // the server is taking the slot over and must be told that we know
}

// once sends the call in one round trip, and again with the script's text if
// the server does not have it. go-redis writes and reads a whole pipeline on
// one connection (withPipelineConn in redis.go), and its retries send all of it
// again, so a confirmation always belongs to the write before it.
//
// The wait behind an unknown script is lost time, so the first call of each
// script carries its text, and only a new server can ask for it again.
func (c call) once(ctx context.Context, w *Waiter, node *redis.Client) (any, error) {
	if _, sent := w.sent.Load(c.script.Hash()); sent {
		c.wait = w.budget(ctx)
		result, err := c.send(ctx, node, true)
		if !redis.HasErrorPrefix(err, "NOSCRIPT") {
			return result, err
		}
	}
	c.wait = w.budget(ctx)
	result, err := c.send(ctx, node, false)
	if err == nil {
		w.sent.Store(c.script.Hash(), true)
	}
	return result, err
}

func (c call) send(ctx context.Context, node *redis.Client, bySHA bool) (any, error) {
	pipe := node.Pipeline()
	if c.asking {
		pipe.Do(ctx, "asking")
	}
	var ran *redis.Cmd
	if bySHA {
		ran = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	} else {
		ran = c.script.Eval(ctx, pipe, c.keys, c.args...)
	}
	var onDisk *redis.IntSliceCmd
	var onReplica *redis.IntCmd
	wait := c.wait
	if c.disk {
		// WAITAOF speaks of the same writes as the WAIT after it, so replicas
		// acknowledge while the disk is waited for. A server that does not know it
		// leaves the replicas no more than their own half.
		if c.replica {
			wait = c.wait / 2
		}
		onDisk = redis.NewIntSliceCmd(ctx, "waitaof", 1, 0, milliseconds(wait))
		_ = pipe.Process(ctx, onDisk) // queues it; its error comes with Exec
	}
	if c.replica {
		onReplica = redis.NewIntCmd(ctx, "wait", 1, milliseconds(wait))
		_ = pipe.Process(ctx, onReplica)
	}
	_, execErr := pipe.Exec(ctx)
	if execErr != nil && !refused(execErr) && !errors.Is(execErr, redis.Nil) {
		return nil, execErr // the network's, whatever had been answered by then
	}
	result, err := ran.Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	// Without the command the write was on disk before its answer left: see
	// checkDisk, which sorts the servers by this very answer.
	if onDisk != nil && !unknownCommand(onDisk.Err()) {
		if err := confirmed("disk", onDisk.Err(), func() bool { return len(onDisk.Val()) > 0 && onDisk.Val()[0] >= 1 }); err != nil {
			return nil, err
		}
	}
	if onReplica != nil {
		if err := confirmed("replica", onReplica.Err(), func() bool { return onReplica.Val() >= 1 }); err != nil {
			return nil, err
		}
	}
	return result, nil
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
