package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// relayBatch bounds what one call moves out of one bucket, and how many events
// reach the stream in one script; confirmAtOnce how many buckets of a cluster are
// waited for at once.
const (
	relayBatch    = 100
	confirmAtOnce = 16
)

// Relay moves the events of refunds' buckets from their outboxes to the stream.
// An event may reach the stream twice, never not at all: it comes to the stream
// when what it tells is as durable as configured, and leaves the outbox when the
// stream has it as durably. One call costs four round trips, for however many
// refunds; in a cluster one of them for each bucket.
func (j *Journal) Relay(ctx context.Context, recs ...*Record) error {
	buckets := map[int]bool{}
	for _, rec := range recs {
		buckets[bucketOf(rec.place())] = true
	}
	_, err := j.relay(ctx, slices.Sorted(maps.Keys(buckets)))
	return err
}

// RelayAll moves what waits in any outbox and returns how many events it moved.
func (j *Journal) RelayAll(ctx context.Context) (int, error) {
	pipe := j.rdb.Pipeline()
	lengths := make([]*redis.IntCmd, Buckets)
	for bucket := range lengths {
		lengths[bucket] = pipe.LLen(ctx, outboxKey(bucket))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, fmt.Errorf("journal: look into the outboxes: %w", err)
	}
	var full []int
	for bucket, n := range lengths {
		if n.Val() > 0 {
			full = append(full, bucket)
		}
	}
	return j.relay(ctx, full)
}

func (j *Journal) relay(ctx context.Context, buckets []int) (int, error) {
	if len(buckets) == 0 {
		return 0, nil
	}
	read := j.rdb.Pipeline()
	outboxes := make([]*redis.StringSliceCmd, len(buckets))
	for i, bucket := range buckets {
		outboxes[i] = read.LRange(ctx, outboxKey(bucket), 0, relayBatch-1)
	}
	if _, err := read.Exec(ctx); err != nil {
		return 0, fmt.Errorf("journal: read the outboxes: %w", err)
	}
	remove := j.rdb.Pipeline()
	var full []int
	var events []any
	for i, bucket := range buckets {
		for _, event := range outboxes[i].Val() {
			values, err := eventValues(event)
			if err != nil {
				return 0, err
			}
			events = append(events, quote(values))
			// By value, not by position: another worker may relay the same bucket.
			remove.LRem(ctx, outboxKey(bucket), 1, event)
		}
		if len(outboxes[i].Val()) > 0 {
			full = append(full, bucket)
		}
	}
	if len(events) == 0 {
		return 0, nil
	}
	if err := j.confirm(ctx, full); err != nil {
		return 0, fmt.Errorf("journal: events are told once what they tell is durable: %w", err)
	}
	for batch := range slices.Chunk(events, relayBatch) {
		args := append([]any{j.options.EventsMaxLen}, batch...)
		if _, err := j.run.Run(ctx, Events, relayScript, []string{Events}, args...); err != nil {
			return 0, fmt.Errorf("journal: relay events: %w", err)
		}
	}
	if _, err := remove.Exec(ctx); err != nil {
		return 0, fmt.Errorf("journal: relay events: %w", err)
	}
	return len(events), nil
}

// confirm returns once everything that was written to the buckets before is as
// durable as configured: the script that wrote it may still be waiting for that,
// or have waited in vain. A wait speaks of all that its server had written
// before, so one write is enough where there is one server.
func (j *Journal) confirm(ctx context.Context, buckets []int) error {
	if _, cluster := j.rdb.(*redis.ClusterClient); !cluster {
		buckets = buckets[:1]
	}
	var group errgroup.Group
	group.SetLimit(confirmAtOnce)
	for _, bucket := range buckets {
		group.Go(func() error {
			key := bucketPrefix(bucket) + "confirmed"
			_, err := j.run.Run(ctx, key, confirmScript, []string{key})
			return err
		})
	}
	return group.Wait()
}

// eventFields is the order of an event's fields in the stream.
var eventFields = []string{"refund_id", "seq", "provider", "payment_id", "amount", "amount_moved", "currency", "state", "reason_code", "metadata", "at"}

func eventValues(event string) ([]any, error) {
	var f map[string]string
	if err := json.Unmarshal([]byte(event), &f); err != nil {
		return nil, fmt.Errorf("journal: an event in the outbox is unreadable: %w", err)
	}
	f["at"] = millis(f["at"]).Format(time.RFC3339Nano)
	f["amount_moved"] = money(f["moved"], f["currency"])
	values := make([]any, 0, 2*len(eventFields))
	for _, name := range eventFields {
		values = append(values, name, f[name])
	}
	return values, nil
}

func outboxKey(bucket int) string { return bucketPrefix(bucket) + "out" }
