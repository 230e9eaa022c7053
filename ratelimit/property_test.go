package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/ratelimit"
)

// In any span t there are at most burst + rate·t slots, whatever callers do,
// and none begins inside a penalty that stood when it was asked for.
func TestNeverMoreThanBurstPlusRateTimesT(t *testing.T) {
	b := newBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		b.mr.FlushAll()
		limit := ratelimit.Limit{
			Calls: rapid.IntRange(1, 1000).Draw(rt, "calls"),
			Per:   rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "per"),
		}
		burst := rapid.IntRange(1, 8).Draw(rt, "burst")
		interval := limit.Per / time.Duration(limit.Calls)
		var slots []time.Time
		var barred time.Time
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"reserve", "reserve", "reserve", "wait", "penalize"}).Draw(rt, "step") {
			case "wait":
				b.after(time.Duration(rapid.Int64Range(0, 3*int64(interval)).Draw(rt, "wait")).Truncate(time.Microsecond))
			case "penalize":
				d := time.Duration(rapid.Int64Range(0, 2*int64(interval)).Draw(rt, "penalty"))
				b.penalize(d)
				if until := b.now.Add(min(d, ratelimit.MaxPenalty)); until.After(barred) {
					barred = until
				}
			default:
				maxWait := time.Duration(rapid.Int64Range(0, 5*int64(interval)).Draw(rt, "maxWait"))
				ready := rapid.SampledFrom([]time.Duration{0, 0, min(maxWait, ratelimit.MaxWait) / 3}).Draw(rt, "ready")
				wait, ok, err := b.reserveReady(limit, burst, ready, maxWait)
				switch {
				case err != nil:
					rt.Fatal(err)
				case ok && wait < ready.Truncate(time.Microsecond):
					rt.Fatalf("a slot in %s, though the caller needs %s", wait, ready)
				case ok && wait > maxWait:
					rt.Fatalf("a slot in %s, though the caller waits %s only", wait, maxWait)
				case ok && b.now.Add(wait).Before(barred):
					rt.Fatalf("a slot in %s, though the penalty lasts %s", wait, barred.Sub(b.now))
				case ok:
					slots = append(slots, b.now.Add(wait))
				}
			}
		}
		// Who needs longer may have been given a later one first.
		slices.SortFunc(slots, time.Time.Compare)
		for i := range slots {
			for j := i; j < len(slots); j++ {
				span, count := slots[j].Sub(slots[i]), j-i+1
				if int64(count-burst)*int64(limit.Per) > int64(span)*int64(limit.Calls) {
					rt.Fatalf("%d slots in %s with %s and a burst of %d", count, span, limit, burst)
				}
			}
		}
	})
}

// A caller that always asks gets all that the limit allows.
func TestABusyProviderIsUsedFully(t *testing.T) {
	b := newBench(t)
	got := 0
	for range 1000 {
		for {
			if _, ok := b.reserve("5/s", 2, 0); !ok {
				break
			}
			got++
		}
		b.after(10 * ms)
	}
	if want := 1 + 50; got < want || got > want+1 { // 10 s at 5/s, and the burst
		t.Errorf("%d slots in 10 s, want %d", got, want)
	}
}
