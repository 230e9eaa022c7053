package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// readAtOnce is how many records one round trip brings.
const readAtOnce = 200

// loadRows reads the records of rows for looking at, many in one round trip, in
// the order of the rows. One that is gone is left out. They come without their
// payments' epochs, so that none begins an attempt before it is read again.
func (j *Journal) loadRows(ctx context.Context, rows []row) ([]*Record, error) {
	recs := make([]*Record, 0, len(rows))
	for some := range slices.Chunk(rows, readAtOnce) {
		pipe := j.rdb.Pipeline()
		now := pipe.Time(ctx)
		all := make([]*redis.MapStringStringCmd, len(some))
		marks := map[int]*redis.StringCmd{}
		for i, r := range some {
			all[i] = pipe.HGetAll(ctx, bucketPrefix(r.bucket)+"r:"+r.id)
			if marks[r.bucket] == nil {
				marks[r.bucket] = pipe.Get(ctx, restoredKey(r.bucket))
			}
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("journal: read refunds: %w", err)
		}
		read := strconv.FormatInt(now.Val().UnixMilli(), 10)
		for i, r := range some {
			fields, err := all[i].Result()
			if err != nil {
				return nil, fmt.Errorf("journal: read refunds: %w", err)
			}
			mark, err := marks[r.bucket].Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("journal: read refunds: %w", err)
			}
			if len(fields) == 0 {
				continue
			}
			stored(fields)
			fields["id"] = some[i].id // it is only in the key
			rec, err := parse(read, fields, "", mark)
			if err != nil {
				return nil, err
			}
			recs = append(recs, rec)
		}
	}
	return recs, nil
}
