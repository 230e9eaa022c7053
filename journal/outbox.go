package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// relayBatch bounds what one call moves out of one bucket.
const relayBatch = 100

// Relay moves the events of a refund's bucket from its outbox to the stream.
// An event may reach the stream twice, never not at all: it leaves the outbox
// only after the stream has it.
func (j *Journal) Relay(ctx context.Context, rec *Record) error {
	_, err := j.relay(ctx, bucketOf(rec.place()))
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
	moved := 0
	for bucket, n := range lengths {
		if n.Val() == 0 {
			continue
		}
		m, err := j.relay(ctx, bucket)
		moved += m
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

func (j *Journal) relay(ctx context.Context, bucket int) (int, error) {
	key := outboxKey(bucket)
	events, err := j.rdb.LRange(ctx, key, 0, relayBatch-1).Result()
	if err != nil {
		return 0, fmt.Errorf("journal: read the outbox: %w", err)
	}
	for i, event := range events {
		values, err := eventValues(event)
		if err != nil {
			return i, err
		}
		err = j.rdb.XAdd(ctx, &redis.XAddArgs{Stream: Events, MaxLen: j.options.EventsMaxLen, Approx: true, Values: values}).Err()
		if err != nil {
			return i, fmt.Errorf("journal: relay an event: %w", err)
		}
		// By value, not by position: another worker may relay the same bucket.
		if err := j.rdb.LRem(ctx, key, 1, event).Err(); err != nil {
			return i, fmt.Errorf("journal: relay an event: %w", err)
		}
	}
	return len(events), nil
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
