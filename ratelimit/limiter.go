package ratelimit

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// MaxPenalty is the longest that Penalize bars a provider: a nonsensical
	// Retry-After must not stop it for days.
	MaxPenalty = time.Hour
	// MaxWait is the longest wait for a slot that can be reserved.
	MaxWait = time.Minute
	// Horizon is how far behind the next slot the callers that were turned away
	// are spread.
	Horizon = time.Minute

	// clockLua is what all scripts are put behind.
	clockLua = "local time = redis.call('TIME')\n"

	// maxBurst bounds burst × interval, so that all sums stay within the whole
	// numbers that Lua holds exactly.
	maxBurst = 365 * 24 * time.Hour
)

var (
	//go:embed free.lua
	freeLua string
	//go:embed state.lua
	stateLua string
	//go:embed reserve.lua
	reserveLua string
	//go:embed penalize.lua
	penalizeLua string

	// figuresLua are in microseconds, as all times of the scripts.
	figuresLua = fmt.Sprintf("local HORIZON, MAX_WAIT, MAX_PENALTY = %d, %d, %d\n",
		Horizon.Microseconds(), MaxWait.Microseconds(), MaxPenalty.Microseconds())

	reserveScript  = redis.NewScript(clockLua + ReserveLua())
	penalizeScript = redis.NewScript(clockLua + stateLua + penalizeLua)
)

// Limiter hands out slots. It holds no state of its own: every process that
// uses the same Redis shares the limits. It may be used concurrently.
type Limiter struct {
	rdb redis.UniversalClient
}

// New returns a Limiter that keeps its state in rdb.
func New(rdb redis.UniversalClient) *Limiter { return &Limiter{rdb: rdb} }

// Reserve asks for one slot of the provider's limit. If the next one begins
// within maxWait (at most MaxWait), it is the caller's: ok is true, and wait says how long to
// sleep before using it (0: now). A slot that is not used is lost, never
// handed on. Otherwise nothing is reserved, ok is false, and wait says when to
// come back with the same maxWait, which is that long before a slot begins: who
// came back only then would find it reserved by others. Callers that are turned
// away are told different times, up to Horizon apart, so that they do not come
// back all at once.
//
// A burst below 1 is 1. The zero limit is Default. An unlimited provider needs
// the call too, because a penalty holds for it as well; it costs one round trip
// that writes nothing. One call is one round trip; if the client repeats it
// after a lost reply, a slot may be lost, never gained.
//
// An error means a limit that cannot be kept or that Redis did not answer; then
// the caller has no slot.
func (l *Limiter) Reserve(ctx context.Context, provider string, limit Limit, burst int, maxWait time.Duration) (wait time.Duration, ok bool, err error) {
	r, err := Reserving(provider, limit, burst, 0, maxWait)
	if err != nil {
		return 0, false, err
	}
	reply, err := reserveScript.Run(ctx, l.rdb, []string{r.Key}, r.Args...).Slice()
	if err != nil {
		return 0, false, fmt.Errorf("rate limit of %s: %w", provider, err)
	}
	slot, err := r.Slot(reply)
	return slot.Wait, slot.OK, err
}

// Penalize bars everybody, in all processes, from getting a slot of the
// provider for d from now (a Retry-After), at most MaxPenalty. A longer bar
// that stands is not shortened. Slots that were handed out before, which is at
// most MaxWait ahead, are not called back. The burst does
// not apply right after the penalty.
func (l *Limiter) Penalize(ctx context.Context, provider string, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	d = min(d, MaxPenalty)
	wait := (d + time.Microsecond - 1) / time.Microsecond // rounded up
	if err := penalizeScript.Run(ctx, l.rdb, []string{key(provider)}, int64(wait)).Err(); err != nil {
		return fmt.Errorf("rate limit of %s: %w", provider, err)
	}
	return nil
}

// key has the provider as its hash tag, so that everything that is shared about
// a provider lies in one slot of a cluster.
func key(provider string) string { return "refunds:{prov:" + provider + "}:limit" }

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
