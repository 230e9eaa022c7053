package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// holding is what one kind of key takes in Redis, per refund.
type holding struct {
	Keys  string  `json:"keys"`
	Count float64 `json:"count"`
	Bytes float64 `json:"bytes"` // by MEMORY USAGE with every element counted: key, value and their entry
}

// holdings measures every key. It is for a small round: it asks for each.
func (s *store) holdings(ctx context.Context, refunds int) ([]holding, error) {
	ctx = quietly(ctx)
	kinds := map[string]*holding{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		keys, next, err := s.client.Scan(ctx, cursor, "", 500).Result()
		if err != nil {
			return nil, fmt.Errorf("SCAN: %w", err)
		}
		cursor = next
		sizes := make([]*redis.IntCmd, len(keys))
		_, err = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range keys {
				sizes[i] = pipe.MemoryUsage(ctx, key, 0)
			}
			return nil
		})
		if err != nil && err != redis.Nil { // nil: gone since
			return nil, fmt.Errorf("MEMORY USAGE: %w", err)
		}
		for i, key := range keys {
			kind := kindOf(key)
			if kinds[kind] == nil {
				kinds[kind] = &holding{Keys: kind}
			}
			kinds[kind].Count += 1 / float64(refunds)
			kinds[kind].Bytes += float64(sizes[i].Val()) / float64(refunds)
		}
	}
	var list []holding
	for _, h := range kinds {
		if h.Bytes >= 1 {
			list = append(list, *h)
		}
	}
	slices.SortFunc(list, func(a, b holding) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Keys, b.Keys)) })
	return list, nil
}
