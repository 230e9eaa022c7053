package retry

import "time"

// Where a configuration says nothing.
const (
	defaultFirst   = 5 * time.Second
	defaultSettle  = 10 * time.Minute
	defaultPollMax = time.Minute
	// pastSettle is how far behind the settling time a cut gap ends: far enough
	// that no rounding puts it before.
	pastSettle = time.Second
)

// Poll is how long to wait before asking about an accepted refund, which was
// asked about n times: initial·2^n, at most max, give or take a tenth. r
// returns numbers in [0,1). Absent bounds are 1 s and 1 m.
func Poll(initial, max time.Duration, n int, r func() float64) time.Duration {
	if initial <= 0 {
		initial = time.Second
	}
	if max <= 0 {
		max = defaultPollMax
	}
	return time.Duration(float64(doubled(initial, max, n)) * (0.9 + 0.2*r()))
}

// NextLookup is how long to wait before asking the provider what became of an
// attempt whose outcome is unknown. n is how often it was asked, sinceEnd how
// long ago the attempt ended.
//
// The first lookup comes `first` after the attempt's end, at once if that is
// over; then the gaps double (2·first, 4·first, …) up to Max. A gap that would
// pass over the settling time is cut, so that one lookup always comes in the
// second after it: only from then on does "it did not rise" prove anything.
// Later gaps are Max. first and settle that are 0 or less are 5 s and 10 m.
func (p Policy) NextLookup(first, settle time.Duration, n int, sinceEnd time.Duration) time.Duration {
	p = p.orDefault()
	if first <= 0 {
		first = defaultFirst
	}
	if settle <= 0 {
		settle = defaultSettle
	}
	sinceEnd = max(sinceEnd, 0)
	if n <= 0 {
		return max(first-sinceEnd, 0)
	}
	if sinceEnd >= settle {
		return p.Max
	}
	gap := doubled(first, p.Max, n)
	if left := settle - sinceEnd; gap-pastSettle > left {
		return left + pastSettle
	}
	return gap
}
