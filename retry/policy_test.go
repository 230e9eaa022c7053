package retry_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/providers"
	"refundworker/retry"
)

// Draws: the largest wait, the middle one, and one next to the smallest.
func longest() float64  { return 0 }
func middle() float64   { return 0.5 }
func shortest() float64 { return math.Nextafter(1, 0) }

const (
	sec    = time.Second
	minute = time.Minute
	milli  = time.Millisecond
)

func TestBackoffSchedules(t *testing.T) {
	policy := retry.Policy{Initial: sec, Max: 5 * minute}
	for name, c := range map[string]struct {
		policy retry.Policy
		kind   providers.Kind
		r      func() float64
		want   []time.Duration
	}{
		"unavailable, longest":  {policy, providers.Unavailable, longest, []time.Duration{sec, 2 * sec, 4 * sec, 8 * sec, 16 * sec, 32 * sec, 64 * sec, 128 * sec, 256 * sec, 300 * sec, 300 * sec}},
		"unavailable, middle":   {policy, providers.Unavailable, middle, []time.Duration{500 * milli, sec, 2 * sec, 4 * sec, 8 * sec, 16 * sec, 32 * sec, 64 * sec, 128 * sec, 150 * sec, 150 * sec}},
		"unavailable, shortest": {policy, providers.Unavailable, shortest, []time.Duration{100 * milli, 100 * milli, 100 * milli}},
		"unknown, middle":       {policy, providers.Unknown, middle, []time.Duration{500 * milli, sec, 2 * sec}},
		"rate limited, longest": {policy, providers.RateLimited, longest, []time.Duration{sec, 2 * sec, 4 * sec, 8 * sec, 16 * sec, 32 * sec, 60 * sec, 60 * sec}},
		"rate limited, middle":  {policy, providers.RateLimited, middle, []time.Duration{750 * milli, 1500 * milli, 3 * sec, 6 * sec, 12 * sec, 24 * sec, 45 * sec}},
		"rate limited, least":   {policy, providers.RateLimited, shortest, []time.Duration{500 * milli, sec, 2 * sec, 4 * sec, 8 * sec, 16 * sec, 30 * sec}},
		"zero policy":           {retry.Policy{}, providers.Unavailable, longest, []time.Duration{sec, 2 * sec, 4 * sec}},
		"tiny Initial":          {retry.Policy{Initial: milli, Max: sec}, providers.Unavailable, longest, []time.Duration{10 * milli, 10 * milli, 10 * milli, 10 * milli, 16 * milli}},
		"Max below Initial":     {retry.Policy{Initial: minute, Max: 5 * milli}, providers.Unavailable, shortest, []time.Duration{5 * milli, 5 * milli}},
	} {
		t.Run(name, func(t *testing.T) {
			for try, want := range c.want {
				got := c.policy.Backoff(c.kind, try, 0, c.r)
				if got.Round(time.Microsecond) != want {
					t.Errorf("try %d: %s, want %s", try, got, want)
				}
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	policy := retry.Policy{Initial: sec, Max: minute}
	for name, c := range map[string]struct {
		try        int
		retryAfter time.Duration
		want       time.Duration
	}{
		"longer than the backoff":   {0, 30 * sec, 30 * sec},
		"longer than Max":           {0, 10 * minute, 10 * minute},
		"shorter than the backoff":  {5, 3 * sec, 32 * sec},
		"longer than an hour":       {0, 24 * time.Hour, time.Hour},
		"absurd":                    {0, math.MaxInt64, time.Hour},
		"negative counts as absent": {0, -time.Hour, sec},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []providers.Kind{providers.RateLimited, providers.Unavailable} {
				if got := policy.Backoff(kind, c.try, c.retryAfter, longest); got != c.want {
					t.Errorf("%s: %s, want %s", kind, got, c.want)
				}
			}
		})
	}
}

func TestNoWaitIsZeroOrLongerThanMax(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := retry.Policy{
			Initial: time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(rt, "initial")),
			Max:     time.Duration(rapid.Int64Range(1, math.MaxInt64/2).Draw(rt, "max")),
		}
		kind := rapid.SampledFrom([]providers.Kind{providers.Unknown, providers.Unavailable, providers.RateLimited}).Draw(rt, "kind")
		r := rapid.Float64Range(0, shortest()).Draw(rt, "r")
		got := p.Backoff(kind, rapid.Int().Draw(rt, "try"), 0, func() float64 { return r })
		if got <= 0 || got > p.Max+p.Max/1e9 { // float64 holds 53 bits
			rt.Errorf("%s", got)
		}
	})
}

func TestGaveUp(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	policy := retry.Policy{GiveUpAfter: time.Hour}
	for name, c := range map[string]struct {
		policy retry.Policy
		first  time.Time
		after  time.Duration
		paused time.Duration
		want   bool
	}{
		"just before":                    {policy, start, time.Hour - 1, 0, false},
		"at the time":                    {policy, start, time.Hour, 0, true},
		"paused time does not count":     {policy, start, 3 * time.Hour, 2*time.Hour + 1, false},
		"and the rest does":              {policy, start, 3 * time.Hour, 2 * time.Hour, true},
		"negative paused time is none":   {policy, start, time.Hour - 1, -time.Hour, false},
		"never tried":                    {policy, time.Time{}, time.Hour, 0, false},
		"zero policy gives up in a day":  {retry.Policy{}, start, 24 * time.Hour, 0, true},
		"and not before":                 {retry.Policy{}, start, 24*time.Hour - 1, 0, false},
		"a first attempt in the future":  {policy, start, -time.Hour, 0, false},
		"a negative one is the default":  {retry.Policy{GiveUpAfter: -1}, start, time.Hour, 0, false},
		"a clock that was never set (0)": {policy, time.Unix(0, 0), time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			now := start.Add(c.after)
			if got := c.policy.GaveUp(c.first, now, c.paused); got != c.want {
				t.Errorf("GaveUp = %t, want %t", got, c.want)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	if got := retry.Spread(8*sec, longest); got != 8*sec {
		t.Errorf("least: %s", got)
	}
	if got := retry.Spread(8*sec, middle); got != 9*sec {
		t.Errorf("middle: %s", got)
	}
	if got := retry.Spread(math.MaxInt64, middle); got != math.MaxInt64 {
		t.Errorf("overflow: %s", got)
	}
}
