package retry_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/retry"
)

func TestPollSchedule(t *testing.T) {
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		want *= sec
		for _, c := range []struct {
			r    func() float64
			want time.Duration
		}{{longest, want * 9 / 10}, {middle, want}, {shortest, want * 11 / 10}} {
			if got := retry.Poll(sec, minute, n, c.r).Round(time.Microsecond); got != c.want {
				t.Errorf("poll %d: %s, want %s", n, got, c.want)
			}
		}
	}
	if got := retry.Poll(0, 0, 0, middle); got != sec {
		t.Errorf("no bounds: %s, want 1s", got)
	}
	if got := retry.Poll(sec, minute, math.MaxInt, middle); got != minute {
		t.Errorf("many polls: %s, want 1m", got)
	}
	if got := retry.Poll(sec, minute, -1, middle); got != sec {
		t.Errorf("n below 0: %s, want 1s", got)
	}
}

// when simulates the lookups: how long after the attempt's end each comes.
func when(p retry.Policy, first, settle time.Duration, lookups int) []time.Duration {
	var at []time.Duration
	var now time.Duration
	for n := range lookups {
		now += p.NextLookup(first, settle, n, now)
		at = append(at, now)
	}
	return at
}

func TestLookupSchedule(t *testing.T) {
	policy := retry.Policy{Initial: sec, Max: 5 * minute}
	for name, c := range map[string]struct {
		first, settle time.Duration
		want          []time.Duration // seconds after the attempt's end
	}{
		"as configured by default":       {5 * sec, 10 * minute, []time.Duration{5, 15, 35, 75, 155, 315, 601, 901, 1201}},
		"absent is the default":          {0, 0, []time.Duration{5, 15, 35, 75, 155, 315, 601, 901}},
		"short settling":                 {5 * sec, 15 * sec, []time.Duration{5, 15, 315}},
		"a gap that ends in that second": {5 * sec, 14500 * milli, []time.Duration{5, 15, 315}},
		"first after the settling time":  {minute, 10 * sec, []time.Duration{60, 360, 660}},
		"settling longer than Max":       {minute, 20 * minute, []time.Duration{60, 180, 420, 720, 1020, 1201, 1501}},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.want {
				c.want[i] *= sec
			}
			if got := when(policy, c.first, c.settle, len(c.want)); !slices.Equal(got, c.want) {
				t.Errorf("lookups at %v\nwant       %v", got, c.want)
			}
		})
	}
}

func TestAFirstLookupThatIsOverdueComesAtOnce(t *testing.T) {
	var p retry.Policy
	if got := p.NextLookup(5*sec, 10*minute, 0, time.Hour); got != 0 {
		t.Errorf("got %s, want 0", got)
	}
	if got := p.NextLookup(5*sec, 10*minute, 0, -time.Hour); got != 5*sec {
		t.Errorf("an end in the future: %s, want 5s", got)
	}
}

func TestOneLookupAlwaysComesSoonAfterTheSettlingTime(t *testing.T) {
	duration := func(rt *rapid.T, name string, least, most time.Duration) time.Duration {
		return time.Duration(rapid.Int64Range(int64(least), int64(most)).Draw(rt, name))
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := retry.Policy{Max: duration(rt, "max", sec, time.Hour)}
		first := duration(rt, "first", sec, time.Hour)
		settle := first + duration(rt, "settle", 0, 24*time.Hour)
		now, n := time.Duration(0), 0
		for now < settle {
			gap := p.NextLookup(first, settle, n, now)
			if gap <= 0 || n > 0 && gap > p.Max {
				rt.Fatalf("a gap of %s", gap)
			}
			now, n = now+gap, n+1
		}
		if now > settle+sec {
			rt.Errorf("the first lookup past the settling time comes %s after it", now-settle)
		}
		if got := p.NextLookup(first, settle, n, now); got != p.Max {
			rt.Errorf("the next gap is %s, want Max", got)
		}
	})
}

func TestLookupsOverflowNothing(t *testing.T) {
	p := retry.Policy{Max: math.MaxInt64}
	for _, n := range []int{0, 1, 63, 64, 1000, math.MaxInt} {
		for _, settle := range []time.Duration{sec, math.MaxInt64} {
			for _, since := range []time.Duration{math.MinInt64, 0, math.MaxInt64} {
				if got := p.NextLookup(math.MaxInt64/2, settle, n, since); got < 0 {
					t.Errorf("n=%d settle=%s since=%s: %s", n, settle, since, got)
				}
			}
		}
	}
}
