package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Standing is how the clockwork around the journal stands, for people.
type Standing struct {
	Now         time.Time
	Working     int64 // refunds that somebody worked on and whose next action is overdue
	Queued      int64 // queued ones whose next action is overdue; a backlog has many
	Events      int64 // that wait in the outboxes
	OldestEvent time.Time
	Restored    int // buckets that bear the mark of a restored backup
	SomeOverdue []*Record
	OverdueGone int // of those that were looked at, refunds whose record is gone

}

// Standing counts what is overdue by more than late, and reads at most some such
// refunds, those that somebody worked on first. It changes nothing, and costs the
// same however many refunds there are.
func (j *Journal) Standing(ctx context.Context, late time.Duration, some int) (Standing, error) {
	s := Standing{}
	var err error
	if s.Now, err = j.Now(ctx); err != nil {
		return s, err
	}
	before := s.Now.Add(-late)
	if err := j.countStanding(ctx, &s, before); err != nil {
		return s, err
	}
	if s.Working+s.Queued == 0 {
		return s, nil
	}
	found, err := j.Overdue(ctx, before, 1, 1)
	if err != nil {
		return s, err
	}
	for _, o := range found[:min(some, len(found))] {
		rec, err := j.loadIn(ctx, o.bucket, o.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			s.OverdueGone++
		case err != nil:
			return s, err
		default:
			s.SomeOverdue = append(s.SomeOverdue, rec)
		}
	}
	return s, nil
}

func (j *Journal) countStanding(ctx context.Context, s *Standing, before time.Time) error {
	type counters struct {
		working, queued, events *redis.IntCmd
		mark, first             *redis.StringCmd
	}
	until := strconv.FormatInt(before.UnixMilli(), 10)
	pipe := j.rdb.Pipeline()
	all := make([]counters, Buckets)
	for bucket := range all {
		prefix := bucketPrefix(bucket)
		all[bucket] = counters{pipe.ZCount(ctx, prefix+"due", "-inf", until), pipe.ZCount(ctx, prefix+"wait", "-inf", until),
			pipe.LLen(ctx, outboxKey(bucket)), pipe.Get(ctx, restoredKey(bucket)), pipe.LIndex(ctx, outboxKey(bucket), 0)}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("journal: count what is overdue: %w", err)
	}
	for _, c := range all {
		s.Working += c.working.Val()
		s.Queued += c.queued.Val()
		s.Events += c.events.Val()
		if parseMark(c.mark.Val()).stands() {
			s.Restored++
		}
		var event struct {
			At string `json:"at"`
		}
		if json.Unmarshal([]byte(c.first.Val()), &event) != nil {
			continue
		}
		if at := millis(event.At); !at.IsZero() && (s.OldestEvent.IsZero() || at.Before(s.OldestEvent)) {
			s.OldestEvent = at
		}
	}
	return nil
}
