package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
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
	Until    time.Time // and since before this one
}

// Stat counts the refunds of one provider in one state.
type Stat struct {
	Provider string
	State    refund.State
	Count    int64
	Oldest   time.Time // since when the oldest is in this state
}

// List walks over the refunds that match, bucket by bucket; within a bucket
// those that are longest in their state come first. A refund that changes its
// state meanwhile may come twice or, if it left the states asked for, not at all.
func (j *Journal) List(ctx context.Context, f Filter) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		counts, err := j.counts(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for bucket, kinds := range counts {
			for _, s := range kinds {
				if f.State != "" && s.State != f.State || f.Provider != "" && s.Provider != f.Provider {
					continue
				}
				if !j.listIndex(ctx, bucket, s, f, yield) {
					return
				}
			}
		}
	}
}

func (j *Journal) listIndex(ctx context.Context, bucket int, s Stat, f Filter, yield func(*Record, error) bool) bool {
	from, to := "-inf", "+inf"
	if !f.Since.IsZero() {
		from = strconv.FormatInt(f.Since.UnixMilli(), 10)
	}
	if !f.Until.IsZero() {
		to = "(" + strconv.FormatInt(f.Until.Add(time.Millisecond-1).UnixMilli(), 10)
	}
	index := indexKey(bucket, s.Provider, s.State)
	for offset := int64(0); ; offset += readAtOnce {
		ids, err := j.rdb.ZRangeByScore(ctx, index, &redis.ZRangeBy{Min: from, Max: to, Offset: offset, Count: readAtOnce}).Result()
		if err != nil {
			return yield(nil, fmt.Errorf("journal: list refunds: %w", err))
		}
		rows := make([]row, len(ids))
		for i, id := range ids {
			rows[i] = row{bucket: bucket, id: id}
		}
		recs, err := j.loadRows(ctx, rows)
		if err != nil {
			yield(nil, err)
			return false
		}
		for _, rec := range recs {
			if !yield(rec, nil) {
				return false
			}
		}
		if len(ids) < readAtOnce {
			return true
		}
	}
}

func (j *Journal) loadIn(ctx context.Context, bucket int, id string) (*Record, error) {
	key := bucketPrefix(bucket) + "r:" + id
	got, err := parseReply(j.run.RunPlain(ctx, key, loadScript, scriptKeys(key), id, ""))
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
	ids, err := j.refundsOf(ctx, place)
	if err != nil {
		return nil, err
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

// refundsOf reads the ids of a payment's refunds, in the order they were taken in.
func (j *Journal) refundsOf(ctx context.Context, place string) ([]string, error) {
	order, err := j.rdb.HGetAll(ctx, paymentKey(place)).Result()
	if err != nil {
		return nil, fmt.Errorf("journal: list refunds of a payment: %w", err)
	}
	delete(order, ":epoch")
	ids := slices.Collect(maps.Keys(order))
	number := func(id string) int { n, _ := strconv.Atoi(order[id]); return n }
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return ids, nil
}

// Stats counts the refunds by provider and state, with the oldest of each, in
// two pipelined round trips.
func (j *Journal) Stats(ctx context.Context) ([]Stat, error) {
	counts, err := j.counts(ctx)
	if err != nil {
		return nil, err
	}
	type kind struct {
		provider string
		state    refund.State
	}
	sum := map[kind]*Stat{}
	for _, bucket := range counts {
		for _, s := range bucket {
			total := sum[kind{s.Provider, s.State}]
			if total == nil {
				total = &Stat{Provider: s.Provider, State: s.State, Oldest: s.Oldest}
				sum[kind{s.Provider, s.State}] = total
			}
			total.Count += s.Count
			if s.Oldest.Before(total.Oldest) {
				total.Oldest = s.Oldest
			}
		}
	}
	list := make([]Stat, 0, len(sum))
	for _, s := range sum {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Stat) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(slices.Index(refund.States, a.State), slices.Index(refund.States, b.State)))
	})
	return list, nil
}

// counts reads what each bucket holds and the oldest of each kind.
func (j *Journal) counts(ctx context.Context) ([Buckets][]Stat, error) {
	var list [Buckets][]Stat
	pipe := j.rdb.Pipeline()
	raw := make([]*redis.MapStringStringCmd, Buckets)
	for bucket := range raw {
		raw[bucket] = pipe.HGetAll(ctx, bucketPrefix(bucket)+"n")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return list, fmt.Errorf("journal: count refunds: %w", err)
	}
	pipe = j.rdb.Pipeline()
	var oldest []func()
	for bucket, cmd := range raw {
		for field, value := range cmd.Val() {
			cut := strings.LastIndexByte(field, ':')
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || cut < 0 || n <= 0 {
				continue
			}
			s := Stat{Provider: field[:cut], State: refund.State(field[cut+1:]), Count: n}
			first := pipe.ZRangeWithScores(ctx, indexKey(bucket, s.Provider, s.State), 0, 0)
			oldest = append(oldest, func() {
				if z := first.Val(); len(z) == 1 { // else the last one has left this state meanwhile
					s.Oldest = time.UnixMilli(int64(z[0].Score)).UTC()
					list[bucket] = append(list[bucket], s)
				}
			})
		}
	}
	if len(oldest) == 0 {
		return list, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return list, fmt.Errorf("journal: count refunds: %w", err)
	}
	for _, fill := range oldest {
		fill()
	}
	return list, nil
}

func indexKey(bucket int, provider string, state refund.State) string {
	return bucketPrefix(bucket) + "s:" + provider + ":" + string(state)
}
