package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Usage is how much of a provider's limit is taken, for people.
type Usage struct {
	Ahead  time.Duration // how far ahead the slots are handed out; 0: the next one is free, with the whole burst
	Barred time.Duration // for how long nobody gets a slot (a Retry-After); 0: nobody is barred
	Queued time.Duration // how far ahead those who were turned away come back
}

// Usage reads how much of the provider's limit is taken now. It changes nothing.
func (l *Limiter) Usage(ctx context.Context, provider string) (Usage, error) {
	pipe := l.rdb.Pipeline()
	clock := pipe.Time(ctx)
	saved := pipe.Get(ctx, key(provider))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return Usage{}, fmt.Errorf("rate limit of %s: %w", provider, err)
	}
	now := clock.Val().UnixMicro()
	times := strings.Fields(saved.Val()) // see state.lua
	ahead := func(i int) time.Duration {
		if i >= len(times) {
			return 0
		}
		at, err := strconv.ParseInt(times[i], 10, 64)
		if err != nil {
			return 0
		}
		return max(0, microseconds(at-now))
	}
	return Usage{Ahead: ahead(0), Barred: ahead(1), Queued: ahead(2)}, nil
}
