package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// Erase is the step that removes a person's data from a settled refund: the
// receipt, the reason and the metadata, also from the index that they are found
// by. The digest of the content stays, so the same request is still known.
func (r *Record) Erase(by, note string) Step {
	return Step{By: by, Note: "personal data erased: " + note, NoDue: true,
		Set: map[string]string{"receipt": "", "reason": "", "metadata": "", "erased": strconv.FormatInt(r.Now.UnixMilli(), 10)}}
}

// HoldsPersonalData reports whether there is something for Erase to remove.
func (r *Record) HoldsPersonalData() bool {
	return r.Receipt != nil || r.Reason != "" || r.Metadata != ""
}

// Bounds of the search for a refund's events in the stream.
const (
	eventsPage    = 500
	eventsAtMost  = 100_000         // entries looked at for one event
	eventsEarlier = time.Minute     // by which the stream's server may be behind the record's
	eventsTwice   = 2 * time.Minute // in which an event that comes twice comes again
)

// ErrEventMissing means that an event is not where it was put, and the stream
// begins before that: all others are erased.
var ErrEventMissing = errors.New("an event was not found")

// EraseEvents takes the metadata out of the events of a refund. An entry of a
// stream can't be changed, so each is put anew, without metadata and with its
// number, and the old one deleted, both or neither: an event that nobody has
// read yet is not lost, and who has read it knows it by its number. One that an
// erasure before has put anew may be too far from its old place to be found
// again: that is ErrEventMissing, after the rest, unless the record has no
// metadata any more.
func (j *Journal) EraseEvents(ctx context.Context, r *Record) error {
	for more := true; more; { // until none is left in the outbox
		n, err := j.relay(ctx, []int{bucketOf(r.place())}, time.Time{})
		if err != nil {
			return err
		}
		more = n == relayBatch
	}
	r, err := j.Load(ctx, r.Provider, r.PaymentID, r.ID) // with what was told meanwhile
	if err != nil {
		return fmt.Errorf("journal: erase events: %w", err)
	}
	history, err := j.History(ctx, r)
	if err != nil {
		return err
	}
	var missing []string
	for _, e := range history {
		told := e.From != e.To && (e.To.Terminal() || e.To == refund.Review) || strings.HasPrefix(e.Note, contradicted)
		if !told {
			continue
		}
		there, err := j.eraseEvent(ctx, r.ID, e)
		if err != nil {
			return fmt.Errorf("journal: erase events of refund %s: %w", r.ID, err)
		}
		if !there && r.Metadata != "" {
			missing = append(missing, e.At.Format(time.RFC3339))
		}
	}
	if missing != nil {
		return fmt.Errorf("%w: what refund %s told at %s is not among the %d entries of %s that follow it; unless an interrupted erasure has put it anew, delete it there, or have the stream trimmed",
			ErrEventMissing, r.ID, strings.Join(missing, ", "), eventsAtMost, Events)
	}
	return nil
}

// eraseEvent looks for one event from the moment on in which it was made. It
// says whether it found it, or the stream has forgotten it.
func (j *Journal) eraseEvent(ctx context.Context, id string, e Entry) (bool, error) {
	seq, from, found := strconv.FormatInt(e.Seq, 10), fmt.Sprint(max(e.At.Add(-eventsEarlier).UnixMilli(), 0)), false
	for seen := 0; seen < eventsAtMost; seen += eventsPage {
		page, err := j.rdb.XRangeN(ctx, Events, from, "+", eventsPage).Result()
		if err != nil {
			return false, err
		}
		for _, m := range page {
			if m.Values["refund_id"] != id || m.Values["seq"] != seq {
				continue
			}
			found = true
			if m.Values["metadata"] != "" {
				if err := j.withoutMetadata(ctx, m); err != nil {
					return false, err
				}
			}
		}
		if len(page) < eventsPage {
			return true, nil // the end of the stream; not found: trimmed long ago
		}
		last := page[len(page)-1].ID
		if found && streamTime(last).After(e.At.Add(eventsTwice)) {
			return true, nil
		}
		from = "(" + last
	}
	first, err := j.rdb.XRangeN(ctx, Events, "-", "+", 1).Result()
	if err != nil {
		return false, err
	}
	trimmed := len(first) == 1 && streamTime(first[0].ID).After(e.At) // the stream begins later
	return found || trimmed, nil
}

func (j *Journal) withoutMetadata(ctx context.Context, m redis.XMessage) error {
	values := make([]any, 0, 2*len(eventFields))
	for _, name := range eventFields {
		value := m.Values[name]
		if name == "metadata" {
			value = ""
		}
		values = append(values, name, value)
	}
	_, err := j.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: Events, Values: values})
		p.XDel(ctx, Events, m.ID)
		return nil
	})
	return err
}

// streamTime is when an entry came into the stream, by its id.
func streamTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	return millis(ms)
}
