package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"refundworker/refund"
)

// Bounds of relaying. What they leave for later comes with the next call.
const (
	relayBatch    = 100                     // events of one bucket in one call
	relayAtMost   = 5000                    // events in one call of RelayAll, about
	relayFor      = 1500 * time.Millisecond // RelayAll begins nothing more after it
	tellAtOnce    = 500                     // events that reach the stream in one script
	confirmAtOnce = 16                      // buckets of a cluster that are waited for at once
	waitsFor      = 5 * time.Second         // how long the event of a step is taken to wait still
)

// Relay moves the events of refunds from their outboxes to the stream. An event
// may reach the stream twice, never not at all: it comes to the stream when what it
// tells is as durable as configured, and leaves the outbox when the stream has it as
// durably.
//
// The event of a record that Apply has returned is known, and what it tells is
// durable: one call costs two round trips for every 500 of them. Of any other record,
// where others waited before it, and where it was made so long ago that a sweep has
// told it and a person may have had it erased, all that its bucket has to tell is read
// first, which costs two more, in a cluster one of them for each bucket.
func (j *Journal) Relay(ctx context.Context, recs ...*Record) error {
	var known []untold
	buckets := map[int]bool{}
	for _, rec := range recs {
		if rec.untold != nil && rec.untold.waits() {
			known = append(known, *rec.untold)
		} else {
			buckets[bucketOf(rec.place())] = true
		}
	}
	for portion := range slices.Chunk(known, tellAtOnce) {
		if err := j.tell(ctx, portion); err != nil {
			return err
		}
	}
	_, err := j.relay(ctx, slices.Sorted(maps.Keys(buckets)), time.Time{})
	return err
}

// RelayAll moves what waits in any outbox and returns how many events it moved.
// It leaves the rest of a backlog to the next call: so many events are enough for
// one, or so much time, beyond which it ends what it has begun.
func (j *Journal) RelayAll(ctx context.Context) (int, error) {
	until := time.Now().Add(relayFor)
	full, err := j.waiting(ctx)
	if err != nil || len(full) == 0 {
		return 0, err
	}
	// A cluster waits for each bucket: no more of them than it can at once.
	some := len(full)
	if j.options.Cluster {
		some = confirmAtOnce
	}
	moved := 0
	for buckets := range slices.Chunk(full, some) {
		if moved > 0 && time.Now().After(until) {
			break
		}
		n, err := j.relay(ctx, buckets, until)
		moved += n
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// waiting finds the buckets with something in their outboxes, as many as one
// call can serve.
func (j *Journal) waiting(ctx context.Context) ([]int, error) {
	pipe := j.rdb.Pipeline()
	lengths := make([]*redis.IntCmd, Buckets)
	for bucket := range lengths {
		lengths[bucket] = pipe.LLen(ctx, outboxKey(bucket))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("journal: look into the outboxes: %w", err)
	}
	var full []int
	var events int64
	for bucket, n := range lengths {
		if n.Val() > 0 {
			full = append(full, bucket)
			events += min(n.Val(), relayBatch)
		}
	}
	if events > relayAtMost {
		// Anywhere first, so that no bucket is the last one every time.
		rand.Shuffle(len(full), func(a, b int) { full[a], full[b] = full[b], full[a] })
	}
	for i := len(full) - 1; events > relayAtMost; i-- {
		events -= min(lengths[full[i]].Val(), relayBatch)
		full = full[:i]
	}
	return full, nil
}

// relay moves the first events of the buckets, and returns how many. After until,
// if that is not zero, it tells no more than it has begun to.
func (j *Journal) relay(ctx context.Context, buckets []int, until time.Time) (int, error) {
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
	var full []int
	var events []untold
	for i, bucket := range buckets {
		for _, text := range outboxes[i].Val() {
			u := untold{outbox: outboxKey(bucket), text: text}
			if err := json.Unmarshal([]byte(text), &u.event); err != nil {
				return 0, fmt.Errorf("journal: an event in the outbox is unreadable: %w", err)
			}
			events = append(events, u)
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
	moved := 0
	for portion := range slices.Chunk(events, tellAtOnce) {
		if moved > 0 && !until.IsZero() && time.Now().After(until) {
			break
		}
		if err := j.tell(ctx, portion); err != nil {
			return moved, err
		}
		moved += len(portion)
	}
	return moved, nil
}

// untold is one event as it waits, and what it says.
type untold struct {
	outbox, text string
	event        event
	known        time.Time // when its maker heard that it waits; zero: it was read
}

// waits reports whether an event that was not read can be taken to wait still. The
// wall clock says so, because the other one stops with a machine that is suspended.
func (u *untold) waits() bool {
	since := time.Now().Round(0).Sub(u.known.Round(0))
	return since >= 0 && since < waitsFor
}

// tell puts events into the stream and then takes them out of their outboxes, so
// that neither a failure nor an end after it has them told again.
func (j *Journal) tell(ctx context.Context, events []untold) error {
	args := append(make([]any, 0, 1+len(eventFields)*len(events)), j.options.EventsMaxLen)
	remove := j.rdb.Pipeline()
	for _, u := range events {
		args = u.event.told(args)
		// By value, not by position: another worker may relay the same bucket.
		remove.LRem(ctx, u.outbox, 1, u.text)
	}
	if _, err := j.run.Run(ctx, Events, relayScript, []string{Events}, args...); err != nil {
		return fmt.Errorf("journal: relay events: %w", err)
	}
	if _, err := remove.Exec(ctx); err != nil {
		return fmt.Errorf("journal: relay events: %w", err)
	}
	return nil
}

// confirm returns once everything that was written to the buckets before is as
// durable as configured: the script that wrote it may still be waiting for that,
// or have waited in vain. A wait speaks of all that its server had written
// before, so one write is enough where there is one server.
func (j *Journal) confirm(ctx context.Context, buckets []int) error {
	if !j.options.Cluster {
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

// event is what the order system is told, as it waits in the outbox.
type event struct {
	At         string `json:"at,omitempty"` // ms; the script adds it
	RefundID   string `json:"refund_id"`
	Seq        string `json:"seq"`
	Provider   string `json:"provider"`
	PaymentID  string `json:"payment_id"`
	Amount     string `json:"amount"`
	Moved      string `json:"moved"` // minor units
	Currency   string `json:"currency"`
	State      string `json:"state"`
	ReasonCode string `json:"reason_code"`
	Metadata   string `json:"metadata"`
}

// eventOf is the event of a change to a state, which sets fields; reason takes the place
// of the record's reason code unless it is empty.
func eventOf(rec *Record, to refund.State, set map[string]string, seq int64, reason string) *event {
	now := func(field string) string {
		if value, changed := set[field]; changed {
			return value
		}
		return rec.fields[field]
	}
	return &event{RefundID: rec.ID, Seq: strconv.FormatInt(seq, 10), Provider: rec.Provider, PaymentID: rec.PaymentID, Amount: rec.Asked,
		Moved: now("moved"), Currency: string(rec.Currency), State: string(to), ReasonCode: cmp.Or(reason, now("reason_code")), Metadata: now("metadata")}
}

// text is the event as it is told the script: JSON as encoding/json writes it.
func (e event) text() string {
	b := refund.AppendTexts(append(make([]byte, 0, 384), '{'), "refund_id", e.RefundID, "seq", e.Seq, "provider", e.Provider, "payment_id", e.PaymentID,
		"amount", e.Amount, "moved", e.Moved, "currency", e.Currency, "state", e.State, "reason_code", e.ReasonCode, "metadata", e.Metadata)
	return string(append(b, '}'))
}

// written is the event as the script has put it into the outbox, which adds when.
func (e event) written(outbox, at, said string) *untold {
	text := `{"at":"` + at + `",` + said[1:]
	e.At = at
	return &untold{outbox, text, e, time.Now()}
}

// eventFields are an event's fields in the stream, as relay.lua adds them.
var eventFields = []string{"refund_id", "seq", "provider", "payment_id", "amount", "amount_moved", "currency", "state", "reason_code", "metadata", "at"}

// told appends what the stream says of the event, in the order of its fields there.
func (e event) told(args []any) []any {
	return append(args, e.RefundID, e.Seq, e.Provider, e.PaymentID, e.Amount, money(e.Moved, e.Currency), e.Currency, e.State,
		e.ReasonCode, e.Metadata, millis(e.At).Format(time.RFC3339Nano))
}

func outboxKey(bucket int) string { return bucketPrefix(bucket) + "out" }
