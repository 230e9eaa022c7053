package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// Filter says which refunds to list. Zero fields let everything pass.
type Filter struct {
	State    refund.State
	Provider string
	Since    time.Time // in their state since this moment or later
}

// Stat counts the refunds of one provider in one state.
type Stat struct {
	Provider string
	State    refund.State
	Count    int64
	Oldest   time.Time // since when the oldest is in this state
}

// listPage bounds what one round trip of a listing brings.
const listPage = 200

// List walks over the refunds that match, bucket by bucket; within a bucket
// those that are longest in their state come first. A refund that changes its
// state meanwhile may come twice or, if it left the states asked for, not at all.
func (j *Journal) List(ctx context.Context, f Filter) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for bucket := range Buckets {
			counts, err := j.counts(ctx, bucket)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, s := range counts {
				if f.State != "" && s.State != f.State || f.Provider != "" && s.Provider != f.Provider {
					continue
				}
				if !j.listIndex(ctx, bucket, s, f.Since, yield) {
					return
				}
			}
		}
	}
}

func (j *Journal) listIndex(ctx context.Context, bucket int, s Stat, since time.Time, yield func(*Record, error) bool) bool {
	from := "-inf"
	if !since.IsZero() {
		from = strconv.FormatInt(since.UnixMilli(), 10)
	}
	index := indexKey(bucket, s.Provider, s.State)
	for offset := int64(0); ; offset += listPage {
		ids, err := j.rdb.ZRangeByScore(ctx, index, &redis.ZRangeBy{Min: from, Max: "+inf", Offset: offset, Count: listPage}).Result()
		if err != nil {
			return yield(nil, fmt.Errorf("journal: list refunds: %w", err))
		}
		for _, id := range ids {
			rec, err := j.loadIn(ctx, bucket, id)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if !yield(rec, err) || err != nil {
				return false
			}
		}
		if len(ids) < listPage {
			return true
		}
	}
}

func (j *Journal) loadIn(ctx context.Context, bucket int, id string) (*Record, error) {
	key := bucketPrefix(bucket) + "r:" + id
	got, err := parseReply(j.run.RunPlain(ctx, key, loadScript, []string{key}, id))
	if err != nil {
		return nil, fmt.Errorf("journal: load refund: %w", err)
	}
	if got.rec == nil {
		return nil, ErrNotFound
	}
	return got.rec, nil
}

// ByPayment returns the refunds of one payment, in the order they were taken in.
func (j *Journal) ByPayment(ctx context.Context, provider, payment string) ([]*Record, error) {
	place := placeOf(provider, payment)
	bucket := bucketOf(place)
	ids, err := j.rdb.ZRange(ctx, bucketPrefix(bucket)+"l:"+place, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("journal: list refunds of a payment: %w", err)
	}
	var list []*Record
	for _, id := range ids {
		rec, err := j.loadIn(ctx, bucket, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, rec)
	}
	return list, nil
}

// Stats counts the refunds by provider and state, with the oldest of each.
func (j *Journal) Stats(ctx context.Context) ([]Stat, error) {
	sum := map[Stat]*Stat{}
	for bucket := range Buckets {
		counts, err := j.counts(ctx, bucket)
		if err != nil {
			return nil, err
		}
		for _, s := range counts {
			total := sum[Stat{Provider: s.Provider, State: s.State}]
			if total == nil {
				total = &Stat{Provider: s.Provider, State: s.State}
				sum[Stat{Provider: s.Provider, State: s.State}] = total
			}
			total.Count += s.Count
			if total.Oldest.IsZero() || s.Oldest.Before(total.Oldest) {
				total.Oldest = s.Oldest
			}
		}
	}
	list := make([]Stat, 0, len(sum))
	for _, s := range sum {
		list = append(list, *s)
	}
	return list, nil
}

// counts reads one bucket's counts and the oldest of each in two round trips.
func (j *Journal) counts(ctx context.Context, bucket int) ([]Stat, error) {
	raw, err := j.rdb.HGetAll(ctx, bucketPrefix(bucket)+"n").Result()
	if err != nil {
		return nil, fmt.Errorf("journal: count refunds: %w", err)
	}
	var list []Stat
	var oldest []*redis.ZSliceCmd
	pipe := j.rdb.Pipeline()
	for field, value := range raw {
		cut := strings.LastIndexByte(field, ':')
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || cut < 0 || n <= 0 {
			continue
		}
		s := Stat{Provider: field[:cut], State: refund.State(field[cut+1:]), Count: n}
		list = append(list, s)
		oldest = append(oldest, pipe.ZRangeWithScores(ctx, indexKey(bucket, s.Provider, s.State), 0, 0))
	}
	if len(list) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("journal: count refunds: %w", err)
	}
	for i, cmd := range oldest {
		if z := cmd.Val(); len(z) == 1 {
			list[i].Oldest = time.UnixMilli(int64(z[0].Score)).UTC()
		}
	}
	return list, nil
}

func indexKey(bucket int, provider string, state refund.State) string {
	return bucketPrefix(bucket) + "s:" + provider + ":" + string(state)
}
