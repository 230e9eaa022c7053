package journal

import (
	"context"
	"fmt"
	"time"
)

// AfterRestore marks every bucket as restored from a backup: until
// RestoreOver, an attempt starts only where the provider counts exactly what
// the journal knows to have moved, and everything else goes to review.
func (j *Journal) AfterRestore(ctx context.Context, at time.Time) error {
	for bucket := range Buckets {
		if err := j.rdb.Set(ctx, restoredKey(bucket), at.UTC().Format(time.RFC3339), 0).Err(); err != nil {
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

func restoredKey(bucket int) string { return bucketPrefix(bucket) + "restored" }
