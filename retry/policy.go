// Package retry is pure policy: (what happened, how often) → what next, when.
// It does no I/O, and time and randomness come in from outside.
package retry

import (
	"math"
	"time"

	"refundworker/providers"
)

// Policy is how a refund waits between tries. A field that is 0 or less is
// Default's.
type Policy struct {
	Initial     time.Duration // the first wait's upper bound
	Max         time.Duration // no wait is longer
	GiveUpAfter time.Duration // from the first attempt; time in which the provider was paused does not count
}

// Default is what a configuration without "retry" means.
var Default = Policy{Initial: time.Second, Max: 5 * time.Minute, GiveUpAfter: 24 * time.Hour}

const (
	// MaxRetryAfter is the longest Retry-After that is believed.
	MaxRetryAfter = time.Hour
	// MaxRateLimited is the longest wait after a rate limit without a
	// Retry-After: the provider is well, and has room again soon.
	MaxRateLimited = time.Minute
	// minWait is the shortest wait before a try.
	minWait = 10 * time.Millisecond
)

func (p Policy) orDefault() Policy {
	if p.Initial <= 0 {
		p.Initial = Default.Initial
	}
	if p.Max <= 0 {
		p.Max = Default.Max
	}
	if p.GiveUpAfter <= 0 {
		p.GiveUpAfter = Default.GiveUpAfter
	}
	return p
}

// Backoff is how long to wait before the next try, where try is how many waits
// of this kind went before (the first is 0), and r returns numbers in [0,1).
//
// With full jitter the wait is uniform in (0, min(Max, Initial·2^try)], so that
// refunds that failed together do not come back together; but never below a
// tenth of Initial nor 10 ms. After RateLimited it lies in the upper half of
// that span, with MaxRateLimited for Max: the provider has asked for fewer
// calls, and a lucky draw must not be a quick one.
//
// It is never less than the provider's Retry-After, up to MaxRetryAfter, which
// may be more than Max.
func (p Policy) Backoff(kind providers.Kind, try int, retryAfter time.Duration, r func() float64) time.Duration {
	p = p.orDefault()
	share := 1 - r() // (0,1]
	longest := p.Max
	if kind == providers.RateLimited {
		share = (1 + share) / 2
		longest = min(longest, MaxRateLimited)
	}
	wait := time.Duration(share * float64(doubled(p.Initial, longest, try)))
	floor := min(max(p.Initial/10, minWait), longest)
	return max(wait, floor, min(retryAfter, MaxRetryAfter))
}

// GaveUp reports whether a refund has been tried for long enough. paused is how
// long its provider was paused since the first attempt; firstAttempt is zero
// for a refund that was never tried, which is never given up.
func (p Policy) GaveUp(firstAttempt, now time.Time, paused time.Duration) bool {
	if firstAttempt.IsZero() {
		return false
	}
	return now.Sub(firstAttempt)-max(paused, 0) >= p.orDefault().GiveUpAfter
}

// Spread adds up to a quarter to a wait that many callers were told, so that
// they do not come back all at once. r returns numbers in [0,1).
func Spread(wait time.Duration, r func() float64) time.Duration {
	extra := time.Duration(r() * float64(wait/4))
	if wait > math.MaxInt64-extra {
		return math.MaxInt64
	}
	return wait + extra
}

// doubled is min(longest, initial·2^n) for any n.
func doubled(initial, longest time.Duration, n int) time.Duration {
	for ; n > 0 && initial < longest; n-- {
		if initial > math.MaxInt64/2 {
			return longest
		}
		initial *= 2
	}
	return min(initial, longest)
}
