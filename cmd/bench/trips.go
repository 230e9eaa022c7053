package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// trips counts the round trips of every go-redis client in this process, the
// worker's own included: a single command is one, and so is a pipeline, and
// each repeat after a failure is another. Greetings of new connections are left out.
type trips struct {
	silent
	all atomic.Int64
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

func (t *trips) now() int64 {
	if t == nil { // nobody counts
		return 0
	}
	return t.all.Load()
}

// RecordOperationDuration counts a single command.
func (t *trips) RecordOperationDuration(ctx context.Context, _ time.Duration, cmd redis.Cmder, attempts int, _ error, _ redis.ConnInfo, _ int) {
	if ctx.Value(uncounted{}) != nil {
		return
	}
	switch {
	case cmd.Name() == "hello":
		// A new connection's greeting is this and one pipeline (initConn in
		// go-redis): no part of a refund's path.
		t.all.Add(-1)
	case cmd.Name() == "client": // of a greeting, too
	default:
		t.all.Add(int64(attempts))
	}
}

// RecordPipelineOperationDuration counts a pipeline.
func (t *trips) RecordPipelineOperationDuration(ctx context.Context, _ time.Duration, _ string, _, attempts int, _ error, _ redis.ConnInfo, _ int) {
	if ctx.Value(uncounted{}) == nil {
		t.all.Add(int64(attempts))
	}
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
