package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// firstLook is how many of each bucket are read at first.
const firstLook = 8

// Place is where a refund stands in a list; the zero Place is before the first.
type Place struct {
	Since time.Time // in its state
	ID    string
}

// PageOf says which page of refunds in one state to read.
type PageOf struct {
	State       refund.State
	Providers   []string
	NewestFirst bool  // else those longest in their state come first
	After       Place // the last refund of the page before
	Limit       int
}

// Page is some refunds of a list.
type Page struct {
	Refunds []*Record
	More    bool  // others come after Next
	Next    Place // of the last refund that was listed
}

// Page reads one page of the refunds in a state, over all buckets in the order
// of since when they are in it. It costs a look into each bucket and the loading
// of the page's refunds, however many there are.
func (j *Journal) Page(ctx context.Context, p PageOf) (Page, error) {
	order := func(a, b row) int { return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.member, b.member)) }
	read := redis.Pipeliner.ZRangeByScoreWithScores
	by := redis.ZRangeBy{Min: "-inf", Max: "+inf"}
	from := &by.Min
	if p.NewestFirst {
		ascending := order
		order = func(a, b row) int { return ascending(b, a) }
		read, from = redis.Pipeliner.ZRevRangeByScoreWithScores, &by.Max
	}
	var after row
	if p.After.ID != "" {
		after = row{score: p.After.Since.UnixMilli(), member: p.After.ID}
		*from = strconv.FormatInt(after.score, 10)
	}
	rows, err := j.walk(ctx, p.Limit+1, after, order, func(pipe redis.Pipeliner, bucket int, limit int64) []func() []redis.Z {
		var looks []func() []redis.Z
		for _, provider := range p.Providers {
			some := by
			some.Count = limit
			looks = append(looks, read(pipe, ctx, indexKey(bucket, provider, p.State), &some).Val)
		}
		return looks
	})
	if err != nil {
		return Page{}, fmt.Errorf("journal: list refunds: %w", err)
	}
	var page Page
	if page.More = len(rows) > p.Limit; page.More {
		rows = rows[:p.Limit]
	}
	if len(rows) > 0 {
		last := rows[len(rows)-1]
		page.Next = Place{time.UnixMilli(last.score).UTC(), last.member}
	}
	page.Refunds, err = j.loadRows(ctx, rows)
	return page, err
}

// row is one member of an index.
type row struct {
	score  int64
	member string
	bucket int
	id     string
}

// walk reads the first rows after one of them from an index that is spread over
// the buckets, each of which is in order. It looks at a few of each, and at more
// only where those do not suffice to know which come first of all.
func (j *Journal) walk(ctx context.Context, want int, after row, order func(a, b row) int,
	look func(pipe redis.Pipeliner, bucket int, limit int64) []func() []redis.Z) ([]row, error) {
	for limit := int64(firstLook); ; limit *= 4 {
		pipe := j.rdb.Pipeline()
		looks := make([][]func() []redis.Z, Buckets)
		for bucket := range looks {
			looks[bucket] = look(pipe, bucket, limit)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		var rows []row
		var known *row // up to here nothing is missing; nil: nothing is
		for bucket, lists := range looks {
			for _, list := range lists {
				got := list()
				for _, z := range got {
					member, _ := z.Member.(string)
					rows = append(rows, row{score: int64(z.Score), member: member, bucket: bucket, id: member[strings.LastIndexByte(member, 0)+1:]})
				}
				if int64(len(got)) == limit && (known == nil || order(rows[len(rows)-1], *known) < 0) {
					last := rows[len(rows)-1]
					known = &last
				}
			}
		}
		rows = slices.DeleteFunc(rows, func(r row) bool {
			return after.member != "" && order(r, after) <= 0 || known != nil && order(r, *known) > 0
		})
		if known != nil && len(rows) < want {
			continue
		}
		slices.SortFunc(rows, order)
		return rows[:min(want, len(rows))], nil
	}
}

// PaymentPage reads some of the refunds of one payment, in the order they were
// taken in, and says how many there are.
func (j *Journal) PaymentPage(ctx context.Context, provider, payment string, offset, limit int) ([]*Record, int, error) {
	place := placeOf(provider, payment)
	bucket := bucketOf(place)
	ids, err := j.refundsOf(ctx, place)
	if err != nil {
		return nil, 0, err
	}
	rows := make([]row, 0, limit)
	from := min(offset, len(ids))
	for _, id := range ids[from:min(from+limit, len(ids))] {
		rows = append(rows, row{bucket: bucket, id: id})
	}
	recs, err := j.loadRows(ctx, rows)
	return recs, len(ids), err
}

// String writes a place so that ParsePlace reads it; empty for the zero Place.
func (p Place) String() string {
	if p.ID == "" {
		return ""
	}
	return strconv.FormatInt(p.Since.UnixMilli(), 10) + "~" + p.ID
}

// ParsePlace reads what String wrote.
func ParsePlace(s string) (Place, error) {
	if s == "" {
		return Place{}, nil
	}
	ms, id, _ := strings.Cut(s, "~")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || !refund.ValidID(id) {
		return Place{}, errors.New("is not a place in a list")
	}
	return Place{time.UnixMilli(n).UTC(), id}, nil
}
