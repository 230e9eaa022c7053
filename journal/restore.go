package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// AfterRestore marks every bucket as restored from a backup: until
// RestoreOver, an attempt starts only where the provider counts exactly what
// the journal knows to have moved, and everything else goes to review. at is when
// the backup was put in place, or any time after; it is never taken for earlier
// than now by Redis's clock, by which the settling time is counted from it.
func (j *Journal) AfterRestore(ctx context.Context, at time.Time) error {
	now, err := j.Now(ctx)
	if err != nil {
		return err
	}
	if at.Before(now) {
		at = now
	}
	for bucket := range Buckets {
		if err := j.rdb.Set(ctx, restoredKey(bucket), at.UTC().Format(time.RFC3339Nano), 0).Err(); err != nil {
			return fmt.Errorf("journal: mark as restored: %w", err)
		}
	}
	return nil
}

// UncheckedError says that refunds from before the restore are still open and
// were not compared with what the provider counts.
type UncheckedError struct{ Count int64 }

// Error says how many there are and what to do.
func (e *UncheckedError) Error() string {
	return fmt.Sprintf("%d refunds from before the restore are still open and not compared with the provider: let the workers get to them first (is a provider paused?)", e.Count)
}

// RestoreOver ends what AfterRestore began. It is refused with an UncheckedError
// while refunds stand in an open state since before: once the mark is gone,
// nothing would ask whether they were paid after the backup.
func (j *Journal) RestoreOver(ctx context.Context) error {
	marks, err := j.marks(ctx)
	if err != nil {
		return err
	}
	counts, err := j.counts(ctx)
	if err != nil {
		return err
	}
	pipe := j.rdb.Pipeline()
	var open []*redis.IntCmd
	for bucket, kinds := range counts {
		mark, err := time.Parse(time.RFC3339Nano, marks[bucket])
		if err != nil {
			continue
		}
		for _, s := range kinds {
			if !s.State.Terminal() && s.State != refund.Review {
				open = append(open, pipe.ZCount(ctx, indexKey(bucket, s.Provider, s.State), "-inf", strconv.FormatInt(mark.UnixMilli(), 10)))
			}
		}
	}
	if len(open) > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("journal: count what is open since the restore: %w", err)
		}
	}
	unchecked := &UncheckedError{}
	for _, n := range open {
		unchecked.Count += n.Val()
	}
	if unchecked.Count > 0 {
		return unchecked
	}
	for bucket := range Buckets {
		if err := j.rdb.Del(ctx, restoredKey(bucket)).Err(); err != nil {
			return fmt.Errorf("journal: unmark as restored: %w", err)
		}
	}
	return nil
}

// RestoredSince returns since when the mark of AfterRestore or of Lineage.Admit
// holds, which may mark a part of a cluster only; zero if it does not.
func (j *Journal) RestoredSince(ctx context.Context) (time.Time, error) {
	marks, err := j.marks(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var since time.Time
	for _, text := range marks {
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil { // made by hand
			at = time.Unix(0, 0).UTC()
		}
		if at.After(since) {
			since = at
		}
	}
	return since, nil
}

// marks returns each bucket's mark, ” for none.
func (j *Journal) marks(ctx context.Context) ([]string, error) {
	found := make([]*redis.StringCmd, Buckets)
	_, err := j.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for bucket := range found {
			found[bucket] = pipe.Get(ctx, restoredKey(bucket))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("journal: read the marks of a restore: %w", err)
	}
	marks := make([]string, Buckets)
	for bucket, get := range found {
		if marks[bucket], err = get.Result(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("journal: read the marks of a restore: %w", err)
		}
	}
	return marks, nil
}

func restoredKey(bucket int) string { return bucketPrefix(bucket) + "restored" }
