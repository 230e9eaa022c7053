package access

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/ratelimit"
)

// How often passwords may be tried, over all workers. A browser that a person
// has logged in with before counts by itself, so that nobody who tries that
// person's name, or shares their proxy's address, keeps them out. Anybody else
// whom a flood of tries keeps out gets in half a minute after it ends.
var (
	byAddress = tries{ratelimit.Limit{Calls: 30, Per: time.Minute}, 30}
	byName    = tries{ratelimit.Limit{Calls: 2, Per: time.Minute}, 10}
	byDevice  = tries{ratelimit.Limit{Calls: 2, Per: time.Minute}, 10}
)

type tries struct {
	limit ratelimit.Limit
	burst int
}

// mayTry takes one try. Names are hashed: people type passwords in their place.
func mayTry(ctx context.Context, rdb redis.UniversalClient, from netip.Addr, name, device string) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, redisTime)
	defer cancel()
	limiter := ratelimit.New(rdb)
	take := func(what string, t tries) (bool, error) {
		_, ok, err := limiter.Reserve(ctx, "login:"+what, t.limit, t.burst, 0)
		return ok, err
	}
	if device != "" {
		owner, err := rdb.Get(ctx, deviceKey(device)).Result()
		if err == nil && owner == name {
			return take("device:"+hashed(device), byDevice)
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, err
		}
	}
	if from.Is6() { // a household or a machine has at least a /64
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	if ok, err = take("address:"+from.String(), byAddress); !ok || err != nil {
		return false, err
	}
	return take("name:"+hashed(name), byName)
}

func deviceKey(device string) string { return "refunds:device:" + hashed(device) }
