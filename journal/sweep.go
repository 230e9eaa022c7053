package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// Now reads Redis's clock.
func (j *Journal) Now(ctx context.Context) (time.Time, error) {
	now, err := j.rdb.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("journal: read Redis's clock: %w", err)
	}
	return now, nil
}

// Overdue names a refund whose next action was due and did not happen.
type Overdue struct {
	ID     string
	Queued bool // it waits in the queue; else somebody worked on it
	bucket int
}

// Named finds queued refunds by their ids, many in one round trip, to be looked at
// like those that Overdue finds. Nobody looks here whether they are queued. An id that
// means none is left out; with an error the others may be there.
func (j *Journal) Named(ctx context.Context, ids ...string) (list []Overdue, err error) {
	for some := range slices.Chunk(ids, readAtOnce) {
		pipe := j.rdb.Pipeline()
		claims := make([]*redis.StringCmd, len(some))
		for i, id := range some {
			claims[i] = pipe.Get(ctx, claimKey(id))
		}
		_, _ = pipe.Exec(ctx) // each claim has its own error
		for i, id := range some {
			claim, failed := claims[i].Result()
			place, _, ok := placeIn(claim)
			switch {
			case ok:
				list = append(list, Overdue{id, true, bucketOf(place)})
			case failed == nil:
				err = fmt.Errorf("journal: the claim of refund id %s is unreadable", id)
			case !errors.Is(failed, redis.Nil):
				err = fmt.Errorf("journal: find refunds: %w", failed)
			}
		}
	}
	return list, err
}

// Overdue finds refunds whose next action was due before the moment, at most so
// many of each bucket, in one pipelined round trip: those that somebody worked
// on, and those that are queued, which may be many.
func (j *Journal) Overdue(ctx context.Context, before time.Time, working, queued int64) ([]Overdue, error) {
	pipe := j.rdb.Pipeline()
	until := strconv.FormatInt(before.UnixMilli(), 10)
	found := make([][2]*redis.StringSliceCmd, Buckets)
	for bucket := range found {
		prefix := bucketPrefix(bucket)
		found[bucket][0] = pipe.ZRangeByScore(ctx, prefix+"due", &redis.ZRangeBy{Min: "-inf", Max: until, Count: working})
		found[bucket][1] = pipe.ZRangeByScore(ctx, prefix+"wait", &redis.ZRangeBy{Min: "-inf", Max: until, Count: queued})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("journal: read what is due: %w", err)
	}
	var list []Overdue
	for _, which := range []int{0, 1} { // what somebody worked on comes first
		for bucket, cmds := range found {
			for _, id := range cmds[which].Val() {
				list = append(list, Overdue{id, which == 1, bucket})
			}
		}
	}
	return list, nil
}

// LoadOverdue reads such a refund. One whose record is gone leaves the index.
func (j *Journal) LoadOverdue(ctx context.Context, o Overdue) (*Record, error) {
	rec, err := j.loadIn(ctx, o.bucket, o.ID)
	if errors.Is(err, ErrNotFound) {
		prefix := bucketPrefix(o.bucket)
		if err := errors.Join(j.rdb.ZRem(ctx, prefix+"due", o.ID).Err(), j.rdb.ZRem(ctx, prefix+"wait", o.ID).Err()); err != nil {
			return nil, fmt.Errorf("journal: drop a refund that is gone: %w", err)
		}
	}
	return rec, err
}

// ReadOverdue reads such refunds for looking at, many in one round trip. One whose
// record is gone is left out.
func (j *Journal) ReadOverdue(ctx context.Context, list ...Overdue) ([]*Record, error) {
	rows := make([]row, len(list))
	for i, o := range list {
		rows[i] = row{bucket: o.bucket, id: o.ID}
	}
	return j.loadRows(ctx, rows)
}

// PutOff has refunds that could not be looked after looked at again only then,
// however many, in one pipelined round trip.
func (j *Journal) PutOff(ctx context.Context, until time.Time, list ...Overdue) error {
	byIndex := map[string][]redis.Z{}
	for _, o := range list {
		// Only where it was found: what has become of it since has its own time.
		index := bucketPrefix(o.bucket) + "due"
		if o.Queued {
			index = bucketPrefix(o.bucket) + "wait"
		}
		byIndex[index] = append(byIndex[index], redis.Z{Score: float64(until.UnixMilli()), Member: o.ID})
	}
	pipe := j.rdb.Pipeline()
	for index, members := range byIndex {
		pipe.ZAddXX(ctx, index, members...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("journal: put off a look: %w", err)
	}
	return nil
}

// LookLater moves a refund in the index of what is due without changing the
// refund: its task is where it belongs, so there is no need to look again
// before then. A refund that has no next action any more is left alone.
func (j *Journal) LookLater(ctx context.Context, rec *Record, after time.Duration) error {
	key := bucketPrefix(bucketOf(rec.place())) + "due"
	if rec.State == refund.Queued {
		key = bucketPrefix(bucketOf(rec.place())) + "wait"
	}
	at := float64(rec.Now.Add(after).UnixMilli())
	if err := j.rdb.ZAddXX(ctx, key, redis.Z{Score: at, Member: rec.ID}).Err(); err != nil {
		return fmt.Errorf("journal: put off a look: %w", err)
	}
	return nil
}

// Prune forgets refunds that settled longer ago than the retention, at most
// limit of each kind and bucket, and their claims.
func (j *Journal) Prune(ctx context.Context, limit int) (int, error) {
	forgotten := 0
	counts, err := j.counts(ctx)
	if err != nil {
		return 0, err
	}
	var before time.Time
	for bucket, kinds := range counts {
		for _, s := range kinds {
			if !s.State.Terminal() || time.Since(s.Oldest) < j.options.Retention {
				continue
			}
			if before.IsZero() {
				if before, err = j.forget(ctx); err != nil {
					return forgotten, err
				}
			}
			ids, err := j.pruneIndex(ctx, bucket, s.Provider, s.State, before, limit)
			forgotten += len(ids)
			if err != nil {
				return forgotten, err
			}
		}
	}
	return forgotten, nil
}

// forgottenKey holds a moment, in ms: what was ever forgotten had settled before it.
const forgottenKey = "refunds:forgotten"

var forgetScript = redis.NewScript(`
if (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1`)

// forget says which refunds may be forgotten now, those that settled before that
// moment, and notes it first.
func (j *Journal) forget(ctx context.Context) (before time.Time, err error) {
	now, err := j.Now(ctx)
	if err != nil {
		return before, err
	}
	before = now.Add(-j.options.Retention)
	if _, err := j.run.Run(ctx, forgottenKey, forgetScript, []string{forgottenKey}, before.UnixMilli()); err != nil {
		return before, fmt.Errorf("journal: note what is forgotten: %w", err)
	}
	return before, nil
}

// Forgotten reports whether a refund that was taken in at that time of Redis's clock
// may have settled and be forgotten, by whatever retention there was then.
func (j *Journal) Forgotten(ctx context.Context, taken time.Time) (bool, error) {
	before, err := j.rdb.Get(ctx, forgottenKey).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("journal: look what is forgotten: %w", err)
	}
	return taken.UnixMilli() < before, nil
}

func (j *Journal) pruneIndex(ctx context.Context, bucket int, provider string, state refund.State, before time.Time, limit int) ([]string, error) {
	key := bucketPrefix(bucket) + "r:"
	raw, err := j.run.Run(ctx, key, pruneScript, scriptKeys(key), provider, string(state), before.UnixMilli(), limit)
	ids, err := replyTexts(raw, err, -1)
	if err != nil {
		return nil, fmt.Errorf("journal: forget old refunds: %w", err)
	}
	// The record went first: a claim that is left over by a crash here refuses
	// its id for ever, where the other order could pay it twice.
	for _, id := range ids {
		if err := j.rdb.Del(ctx, claimKey(id)).Err(); err != nil {
			return ids, fmt.Errorf("journal: forget old refunds: %w", err)
		}
	}
	return ids, nil
}
