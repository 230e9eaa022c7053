package journal

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// MaxFindable is the longest value of metadata that a refund is found by, in
// bytes. Of each refund the values of the first sixteen keys by name count, and
// none that holds a NUL.
const MaxFindable = 128

// Match is a refund that a value of its metadata led to.
type Match struct {
	Record *Record
	Value  string
	Place  string // for the page after it
}

// Search finds refunds by a value of their metadata, byte by byte: those that
// have it, then those with one that begins with it, in the order of the values.
// after is the Place of the last match of the page before, or empty. more says
// that others follow.
func (j *Journal) Search(ctx context.Context, value, after string, limit int) (found []Match, more bool, err error) {
	if value == "" || len(value) > MaxFindable {
		return nil, false, nil
	}
	from := "[" + value
	if strings.HasPrefix(after, value) {
		from = "(" + after
	}
	rows, err := j.walk(ctx, limit+1, row{}, func(a, b row) int { return strings.Compare(a.member, b.member) },
		func(pipe redis.Pipeliner, bucket int, limit int64) []func() []redis.Z {
			// No text in UTF-8 has the byte 255.
			cmd := pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: bucketPrefix(bucket) + "m", ByLex: true, Start: from, Stop: "(" + value + "\xff", Count: limit})
			return []func() []redis.Z{func() (list []redis.Z) {
				for _, member := range cmd.Val() {
					list = append(list, redis.Z{Member: member})
				}
				return list
			}}
		})
	if err != nil {
		return nil, false, fmt.Errorf("journal: search: %w", err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	recs, err := j.loadRows(ctx, rows)
	if err != nil {
		return nil, false, err
	}
	byID := make(map[string]*Record, len(recs))
	for _, rec := range recs {
		byID[rec.ID] = rec
	}
	for _, r := range rows {
		if rec := byID[r.id]; rec != nil {
			found = append(found, Match{rec, r.member[:len(r.member)-len(r.id)-1], r.member})
			delete(byID, r.id) // two of its values may match
		}
	}
	return found, more, nil
}
