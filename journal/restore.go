package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// clockAhead is how far an operator's clock may be ahead of Redis's.
const clockAhead = time.Minute

// AfterRestore marks every bucket as restored from a backup: until
// RestoreOver, an attempt starts only where the provider counts exactly what
// the journal knows to have moved, and everything else goes to review. at is when
// the backup was put in place, or any time after; it is never taken for earlier
// than now by Redis's clock, by which the settling time is counted from it. When
// it returns without an error, the marks are as durable as configured.
func (j *Journal) AfterRestore(ctx context.Context, at time.Time) error {
	now, err := j.Now(ctx)
	if err != nil {
		return err
	}
	if ahead := at.Sub(now); ahead > clockAhead {
		return fmt.Errorf("journal: mark as restored: this machine's clock is %s ahead of Redis's; set it right and try again", ahead.Round(time.Second))
	}
	if at.Before(now) {
		at = now
	}
	all := make([]string, Buckets)
	for bucket := range all {
		all[bucket] = mark{at: at}.String()
	}
	return j.writeMarks(ctx, all, nil)
}

// RestoreOver ends what AfterRestore began, for refunds that are taken in from now
// on. Those from before that had no attempt since are compared all the same,
// however long they wait and whatever becomes of them: nothing else would ask
// whether they were paid after the backup.
func (j *Journal) RestoreOver(ctx context.Context) error {
	was, err := j.marks(ctx)
	if err != nil {
		return err
	}
	now, err := j.Now(ctx)
	if err != nil {
		return err
	}
	over := make([]string, Buckets)
	for bucket, text := range was {
		if m := parseMark(text); m.stands() {
			m.over = now
			over[bucket] = m.String()
		}
	}
	return j.writeMarks(ctx, over, was)
}

// writeMarks writes the marks that are not empty, where what was read before still
// stands; nil: whatever stands there.
func (j *Journal) writeMarks(ctx context.Context, marks, was []string) error {
	var group errgroup.Group
	group.SetLimit(confirmAtOnce)
	for bucket, text := range marks {
		if text == "" {
			continue
		}
		before := "*"
		if was != nil {
			before = was[bucket]
		}
		group.Go(func() error {
			key := restoredKey(bucket)
			done, err := j.run.Run(ctx, key, markScript, scriptKeys(key), text, before)
			if err == nil && done != int64(1) {
				// A repeat after a lost reply finds its own work.
				if now, readErr := j.rdb.Get(ctx, key).Result(); readErr != nil || now != text {
					err = errors.New("somebody else changed the mark meanwhile; try again")
				}
			}
			if err != nil {
				return fmt.Errorf("journal: mark as restored: %w", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// mark is what a bucket knows of the last restore: since when its journal may be
// behind the world, and when a person said that this was over; zero where it is
// not. As text the two stand side by side.
type mark struct{ at, over time.Time }

func (m mark) String() string {
	text := m.at.UTC().Format(time.RFC3339Nano)
	if !m.over.IsZero() {
		text += " " + m.over.UTC().Format(time.RFC3339Nano)
	}
	return text
}

// stands reports whether every refund is to be compared.
func (m mark) stands() bool { return !m.at.IsZero() && m.over.IsZero() }

// covers reports whether a refund is to be compared that was taken in and last
// attempted then.
func (m mark) covers(created, attempted time.Time) bool {
	return m.stands() || !m.at.IsZero() && !created.After(m.over) && !attempted.After(m.at)
}

// parseMark reads a mark. One that is not a time, made by hand, stands all the same,
// since the beginning of time.
func parseMark(text string) mark {
	if text == "" {
		return mark{}
	}
	first, second, ended := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, first)
	if err != nil {
		return mark{at: time.Unix(0, 0).UTC()}
	}
	m := mark{at: at}
	if ended {
		if m.over, err = time.Parse(time.RFC3339Nano, second); err != nil {
			m.over = time.Time{}
		}
	}
	return m
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
		if m := parseMark(text); m.stands() && m.at.After(since) {
			since = m.at
		}
	}
	return since, nil
}

// marks returns each bucket's mark, empty for none.
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
