package redisconn

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

// MemoryUsed says how much of its maxmemory the fullest master has used, 0 to 1
// or a little more; limited is false where no master has such a limit. At 1 a
// server with noeviction refuses every write that needs memory.
func MemoryUsed(ctx context.Context, client redis.UniversalClient) (ratio float64, limited bool, err error) {
	var mu sync.Mutex
	each := func(ctx context.Context, c *redis.Client) error {
		info, err := readInfo(ctx, c, "memory")
		if err != nil {
			return fmt.Errorf("redis %s: %w", c.Options().Addr, err)
		}
		number := func(key string) float64 {
			n, _ := strconv.ParseFloat(info[key], 64) // a server that does not say has no limit
			return n
		}
		limit := number("maxmemory")
		if limit == 0 {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		// Buffers of replicas and of the append-only file count for nothing here
		// (getMaxmemoryState in evict.c).
		ratio, limited = max(ratio, (number("used_memory")-number("mem_not_counted_for_evict"))/limit), true
		return nil
	}
	switch c := client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, each)
	case *redis.Client:
		err = each(ctx, c)
	default:
		err = fmt.Errorf("%w: %T", errUnsupported, client)
	}
	return ratio, limited, err
}
