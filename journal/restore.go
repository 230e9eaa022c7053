package journal

import (
	"context"
	"fmt"
	"time"
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

// RestoreOver ends what AfterRestore began.
func (j *Journal) RestoreOver(ctx context.Context) error {
	for bucket := range Buckets {
		if err := j.rdb.Del(ctx, restoredKey(bucket)).Err(); err != nil {
			return fmt.Errorf("journal: unmark as restored: %w", err)
		}
	}
	return nil
}

// Restored reports whether AfterRestore holds.
func (j *Journal) Restored(ctx context.Context) (bool, error) {
	n, err := j.rdb.Exists(ctx, restoredKey(0)).Result() // it marks all buckets alike
	if err != nil {
		return false, fmt.Errorf("journal: restored or not: %w", err)
	}
	return n == 1, nil
}

func restoredKey(bucket int) string { return bucketPrefix(bucket) + "restored" }
