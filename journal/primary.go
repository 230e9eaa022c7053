package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotAdmitted says that an attempt was not begun, because the server is not the
// primary that the journal was last admitted on. It passes when somebody admits it.
var ErrNotAdmitted = errors.New("journal: another primary has taken over and is not admitted yet; a worker does that within 15s")

// Lineage admits primaries, for as long as a process lives. It is safe for
// concurrent use.
type Lineage struct {
	mu   sync.Mutex
	seen [Buckets]bool // known to have been admitted somewhere
}

// Admit lets attempts begin on the server behind c. Where its data may be behind
// the world, its buckets are marked first, as AfterRestore does: where mayLack says
// so of the primary that they knew last, and where they know of none any more,
// although this process has seen that they did. A journal that has never been
// admitted is a new one.
//
// name is the server's as a primary, and begins with the id of its replication
// history. In a cluster Admit is for the buckets that the server holds; those that
// moved to it from another keep their history, since nothing is lost on that way.
func (l *Lineage) Admit(ctx context.Context, c redis.Cmdable, name string, mayLack func(known string) bool) error {
	known, err := here(ctx, c)
	if err != nil {
		return fmt.Errorf("journal: who was the primary: %w", err)
	}
	var foreign []int
	admitted, behind := false, false
	l.mu.Lock()
	for bucket, last := range known {
		switch {
		case last == name:
			admitted = true
			continue
		case last == "":
			behind = behind || l.seen[bucket]
		}
		foreign = append(foreign, bucket)
	}
	l.mu.Unlock()
	for _, bucket := range foreign {
		behind = behind || !admitted && known[bucket] != "" && mayLack(known[bucket])
	}
	if behind {
		if err := markBehind(ctx, c, foreign); err != nil {
			return err
		}
	}
	// Only now, so that whoever comes after a crash in between marks them again.
	if err := set(ctx, c, foreign, primaryKey, name); err != nil {
		return fmt.Errorf("journal: admit the primary: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for bucket := range known {
		l.seen[bucket] = true
	}
	return nil
}

// here returns the buckets that lie on one server, with the primary that each
// knows, empty for none.
func here(ctx context.Context, c redis.Cmdable) (map[int]string, error) {
	found := map[int]*redis.StringCmd{}
	// The errors are looked at one by one.
	_, _ = c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for bucket := range Buckets {
			found[bucket] = pipe.Get(ctx, primaryKey(bucket))
		}
		return nil
	})
	known := map[int]string{}
	for bucket, get := range found {
		switch name, err := get.Result(); {
		case err == nil, errors.Is(err, redis.Nil):
			known[bucket] = name
		case elsewhere(err):
		default:
			return nil, err
		}
	}
	return known, nil
}

// markBehind marks buckets as AfterRestore does, by the later of both clocks. A bucket
// that is just moving away can't be marked, and then nothing is admitted.
func markBehind(ctx context.Context, c redis.Cmdable, buckets []int) error {
	at := time.Now()
	if theirs, err := c.Time(ctx).Result(); err != nil {
		return fmt.Errorf("journal: mark as behind: %w", err)
	} else if at.Before(theirs) {
		at = theirs
	}
	if err := set(ctx, c, buckets, restoredKey, mark{at: at}.String()); err != nil {
		return fmt.Errorf("journal: mark as behind: %w", err)
	}
	return nil
}

func set(ctx context.Context, c redis.Cmdable, buckets []int, key func(bucket int) string, value string) error {
	if len(buckets) == 0 {
		return nil
	}
	_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, bucket := range buckets {
			pipe.Set(ctx, key(bucket), value, 0)
		}
		return nil
	})
	return err
}

// elsewhere reports whether a cluster's server says that it does not hold a key.
func elsewhere(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
}

func primaryKey(bucket int) string { return bucketPrefix(bucket) + "primary" }
