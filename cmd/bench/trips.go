package main

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// trips counts the round trips of every go-redis client in this process, the
// worker's own included: a single command is one, and so is a pipeline, and
// each repeat after a failure is another. Greetings of new connections are left out.
type trips struct {
	silent
	queue atomic.Int64 // asynq's
	ours  atomic.Int64 // everything else
}

// uncounted marks a context whose commands are the benchmark's own.
type uncounted struct{}

func quietly(ctx context.Context) context.Context { return context.WithValue(ctx, uncounted{}, true) }

// countTrips counts from now on, until stop.
func countTrips() *trips {
	t := &trips{}
	redis.SetOTelRecorder(t)
	return t
}

func (t *trips) stop() { redis.SetOTelRecorder(nil) }

// tally is a number of round trips, of asynq and of ours.
type tally struct{ queue, ours int64 }

func (t *trips) now() tally {
	if t == nil { // nobody counts
		return tally{}
	}
	return tally{t.queue.Load(), t.ours.Load()}
}

func (t tally) since(before tally) tally { return tally{t.queue - before.queue, t.ours - before.ours} }

// RecordOperationDuration counts a single command.
func (t *trips) RecordOperationDuration(ctx context.Context, _ time.Duration, cmd redis.Cmder, attempts int, _ error, _ redis.ConnInfo, _ int) {
	if ctx.Value(uncounted{}) != nil {
		return
	}
	switch {
	case cmd.Name() == "hello":
		// A new connection's greeting is this and one pipeline (initConn in
		// go-redis): no part of a refund's path.
		t.ours.Add(-1)
	case cmd.Name() == "client": // of a greeting, too
	case isQueues(cmd.Args()):
		t.queue.Add(int64(attempts))
	default:
		t.ours.Add(int64(attempts))
	}
}

// RecordPipelineOperationDuration counts a pipeline. asynq makes none.
func (t *trips) RecordPipelineOperationDuration(ctx context.Context, _ time.Duration, _ string, _, attempts int, _ error, _ redis.ConnInfo, _ int) {
	if ctx.Value(uncounted{}) == nil {
		t.ours.Add(int64(attempts))
	}
}

// isQueues tells asynq's commands by their keys.
func isQueues(args []any) bool {
	for _, a := range args[:min(len(args), 5)] {
		if s, ok := a.(string); ok && strings.HasPrefix(s, "asynq:") {
			return true
		}
	}
	return false
}

// silent ignores what else go-redis records.
type silent struct{}

func (silent) RecordConnectionCreateTime(context.Context, time.Duration, redis.ConnInfo) {}
func (silent) RecordConnectionRelaxedTimeout(context.Context, int, redis.ConnInfo, string, string) {
}
func (silent) RecordConnectionHandoff(context.Context, redis.ConnInfo, string)           {}
func (silent) RecordError(context.Context, string, redis.ConnInfo, string, bool, int)    {}
func (silent) RecordMaintenanceNotification(context.Context, redis.ConnInfo, string)     {}
func (silent) RecordConnectionWaitTime(context.Context, time.Duration, redis.ConnInfo)   {}
func (silent) RecordConnectionClosed(context.Context, redis.ConnInfo, string, error)     {}
func (silent) RecordPubSubMessage(context.Context, redis.ConnInfo, string, string, bool) {}
func (silent) RecordStreamLag(context.Context, time.Duration, redis.ConnInfo, string, string, string) {
}
