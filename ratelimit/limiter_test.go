package ratelimit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/ratelimit"
)

// bench is a limiter on a Redis whose clock the test moves.
type bench struct {
	t   *testing.T
	mr  *miniredis.Miniredis
	rdb *redis.Client
	l   *ratelimit.Limiter
	now time.Time
}

func newBench(t *testing.T) *bench {
	mr := miniredis.RunT(t)
	rdb := connect(t, mr)
	b := &bench{t: t, mr: mr, rdb: rdb, l: ratelimit.New(rdb), now: time.Unix(1_790_000_000, 123_456_000)}
	b.after(0)
	return b
}

func connect(t *testing.T, mr *miniredis.Miniredis) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr(), MaxRetries: -1})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

// after moves the clock, and with it the expiry of keys.
func (b *bench) after(d time.Duration) {
	b.now = b.now.Add(d)
	b.mr.SetTime(b.now)
	if d > 0 {
		b.mr.FastForward(d)
	}
}

func (b *bench) reserve(limit string, burst int, maxWait time.Duration) (time.Duration, bool) {
	b.t.Helper()
	l, err := ratelimit.Parse(limit)
	if err != nil {
		b.t.Fatal(err)
	}
	wait, ok, err := b.l.Reserve(context.Background(), "unitpay", l, burst, maxWait)
	if err != nil {
		b.t.Fatal(err)
	}
	return wait, ok
}

// reserveReady is Reserve of a caller that takes so long to get ready.
func (b *bench) reserveReady(limit ratelimit.Limit, burst int, ready, maxWait time.Duration) (time.Duration, bool, error) {
	r, err := ratelimit.Reserving("unitpay", limit, burst, ready, maxWait)
	if err != nil {
		return 0, false, err
	}
	reply, err := reserving.Run(context.Background(), b.rdb, []string{r.Key}, r.Args...).Slice()
	if err != nil {
		return 0, false, err
	}
	slot, err := r.Slot(reply)
	if err == nil && !slot.Made.Equal(b.now) {
		err = fmt.Errorf("made at %s and not at %s", slot.Made, b.now)
	}
	return slot.Wait, slot.OK, err
}

var reserving = redis.NewScript("local time = redis.call('TIME')\n" + ratelimit.ReserveLua())

func (b *bench) granted(limit string, burst int, maxWait, want time.Duration) {
	b.t.Helper()
	if wait, ok := b.reserve(limit, burst, maxWait); !ok || wait != want {
		b.t.Fatalf("Reserve = %s, %t; want a slot in %s", wait, ok, want)
	}
}

func (b *bench) refused(limit string, burst int, maxWait, want time.Duration) {
	b.t.Helper()
	if wait, ok := b.reserve(limit, burst, maxWait); ok || wait != want {
		b.t.Fatalf("Reserve = %s, %t; want to be turned away for %s", wait, ok, want)
	}
}

func (b *bench) penalize(d time.Duration) {
	b.t.Helper()
	if err := b.l.Penalize(context.Background(), "unitpay", d); err != nil {
		b.t.Fatal(err)
	}
}

const ms = time.Millisecond

func TestSlotsAreOneIntervalApart(t *testing.T) {
	b := newBench(t)
	b.granted("5/s", 1, time.Second, 0)
	b.granted("5/s", 1, time.Second, 200*ms)
	b.granted("5/s", 1, time.Second, 400*ms)
	b.after(300 * ms)
	b.granted("5/s", 1, time.Second, 300*ms)
	b.after(5 * time.Second)
	b.granted("5/s", 1, 0, 0)
}

func TestASlotBeginsWhenItsCallerIsReadyAndTheNextOneAnIntervalLater(t *testing.T) {
	b := newBench(t)
	limit := ratelimit.Limit{Calls: 5, Per: time.Second}
	for i, c := range []struct {
		after, ready, maxWait, want time.Duration
		ok                          bool
	}{
		{0, 50 * ms, time.Second, 50 * ms, true},
		{0, 50 * ms, time.Second, 250 * ms, true},
		{0, 0, time.Second, 450 * ms, true},
		{600 * ms, 0, 0, 50 * ms, false},         // the fourth slot
		{time.Second, 70 * ms, 0, 70 * ms, true}, // getting ready is no waiting
		{0, 70 * ms, 0, 200 * ms, false},
	} {
		b.after(c.after)
		if wait, ok, err := b.reserveReady(limit, 1, c.ready, c.maxWait); err != nil || ok != c.ok || wait != c.want {
			t.Errorf("%d: %s, %t, %v; want %s, %t", i+1, wait, ok, err, c.want, c.ok)
		}
	}
}

func TestABurstIsThereForThoseWhoAreNotReadyYet(t *testing.T) {
	b := newBench(t)
	limit := ratelimit.Limit{Calls: 5, Per: time.Second}
	for i, c := range []struct{ ready, want time.Duration }{{50 * ms, 50 * ms}, {0, 0}, {30 * ms, 50 * ms}, {0, 250 * ms}, {50 * ms, 450 * ms}} {
		if wait, ok, err := b.reserveReady(limit, 3, c.ready, time.Second); err != nil || !ok || wait != c.want {
			t.Errorf("%d: %s, %t, %v; want a slot in %s", i+1, wait, ok, err, c.want)
		}
	}
}

func TestBurstIsAvailableAtOnceAndAgainAfterIdleness(t *testing.T) {
	b := newBench(t)
	for range 2 {
		b.granted("60/m", 3, 0, 0)
		b.granted("60/m", 3, 0, 0)
		b.granted("60/m", 3, 0, 0)
		b.refused("60/m", 3, 0, time.Second)
		b.after(time.Minute)
	}
}

func TestASlotBeyondMaxWaitIsNotReserved(t *testing.T) {
	b := newBench(t)
	b.granted("1/s", 1, 0, 0)
	b.refused("1/s", 1, 999*ms, ms)
	b.granted("1/s", 1, time.Second, time.Second) // still there: nobody had reserved it
}

func TestThoseTurnedAwayFindASlotEachWhenTheyComeBack(t *testing.T) {
	b := newBench(t)
	b.granted("10/s", 1, 0, 0)
	for i := range 50 {
		b.refused("10/s", 1, 0, time.Duration(i+1)*100*ms)
	}
	for range 50 {
		b.after(100 * ms)
		b.granted("10/s", 1, 0, 0)
	}
}

func TestThoseBehindTheHorizonAreSpreadOverIt(t *testing.T) {
	b := newBench(t)
	b.granted("1/m", 1, 0, 0)
	b.refused("1/m", 1, 0, time.Minute)
	seen := map[time.Duration]bool{}
	for range 20 {
		wait, ok := b.reserve("1/m", 1, 0)
		if least := time.Minute + ratelimit.Horizon/2; ok || wait < least || wait > time.Minute+ratelimit.Horizon {
			t.Fatalf("Reserve = %s, %t; want to be turned away for %s or up to half a minute more", wait, ok, least)
		}
		seen[wait] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 callers were told %d different times", len(seen))
	}
}

func TestProcessesShareALimitAndProvidersDoNot(t *testing.T) {
	b := newBench(t)
	other := ratelimit.New(connect(t, b.mr))
	b.granted("5/s", 1, 0, 0)
	wait, ok, err := other.Reserve(context.Background(), "unitpay", ratelimit.Limit{}, 0, time.Second)
	if err != nil || !ok || wait != 200*ms {
		t.Errorf("the other process: %s, %t, %v; want the next slot, in 200ms", wait, ok, err)
	}
	wait, ok, err = other.Reserve(context.Background(), "maib", ratelimit.Limit{}, 0, 0)
	if err != nil || !ok || wait != 0 {
		t.Errorf("the other provider: %s, %t, %v; want a slot now", wait, ok, err)
	}
}

func TestPenaltyBarsEverybodyAndEndsWithoutABurst(t *testing.T) {
	b := newBench(t)
	b.penalize(30 * time.Second)
	b.penalize(2 * time.Second) // a longer one stands
	b.refused("1/s", 5, 0, 30*time.Second)
	b.after(29 * time.Second)
	b.granted("1/s", 5, time.Second, time.Second)
	b.granted("1/s", 5, 2*time.Second, 2*time.Second)
	b.after(10 * time.Second)
	b.granted("1/s", 5, 0, 0)
	b.granted("1/s", 5, 0, 0)
}

func TestPenaltyThatNobodyMetEndsWithoutABurst(t *testing.T) {
	b := newBench(t)
	b.penalize(2 * time.Second)
	b.after(2 * time.Second)
	b.granted("1/s", 5, 0, 0)
	b.refused("1/s", 5, 0, time.Second)
}

func TestPenaltyMovesBackWhatIsReservedLater(t *testing.T) {
	b := newBench(t)
	b.granted("1/s", 1, 5*time.Second, 0)
	b.granted("1/s", 1, 5*time.Second, time.Second)
	b.penalize(4 * time.Second)
	b.granted("1/s", 1, 5*time.Second, 4*time.Second)
	b.granted("1/s", 1, 5*time.Second, 5*time.Second)
}

func TestPenaltyHoldsForTheUnlimitedToo(t *testing.T) {
	b := newBench(t)
	b.granted("none", 0, 0, 0)
	if wait, ok, err := b.reserveReady(ratelimit.Limit{Unlimited: true}, 0, 50*ms, time.Second); err != nil || !ok || wait != 0 {
		t.Errorf("%s, %t, %v; want a call at once", wait, ok, err)
	}
	b.penalize(10 * time.Second)
	b.granted("none", 0, 10*time.Second, 10*time.Second)
	if wait, ok := b.reserve("none", 0, time.Second); ok || wait < 10*time.Second || wait > 11*time.Second {
		t.Errorf("Reserve = %s, %t; want to be turned away for 10 to 11 seconds", wait, ok)
	}
	b.after(10 * time.Second)
	b.granted("none", 0, 0, 0)
}

func TestANonsensicalRetryAfterDoesNotStopTheProviderForDays(t *testing.T) {
	b := newBench(t)
	b.penalize(1 << 62)
	b.refused("5/s", 1, 0, ratelimit.MaxPenalty)
	b.penalize(0)
	b.penalize(-time.Hour)
	b.after(ratelimit.MaxPenalty)
	b.granted("5/s", 1, 0, 0)
}

func TestAClockSetBackDoesNotStopTheProvider(t *testing.T) {
	b := newBench(t)
	b.granted("5/s", 1, 0, 0)
	b.after(-6 * time.Hour)
	wait, ok := b.reserve("5/s", 1, ratelimit.MaxWait)
	if most := ratelimit.MaxWait + time.Second; wait > most {
		t.Errorf("Reserve = %s, %t; want at most %s", wait, ok, most)
	}
}

func TestAFasterLimitTakesOverSoon(t *testing.T) {
	b := newBench(t)
	for range 10 {
		b.granted("1/h", 10, 0, 0)
	}
	wait, ok := b.reserve("5/s", 1, 0)
	if most := ratelimit.MaxWait + time.Second; ok || wait > most {
		t.Errorf("Reserve = %s, %t; want to be turned away for at most %s", wait, ok, most)
	}
}

func TestIdleProvidersLeaveNothingBehind(t *testing.T) {
	b := newBench(t)
	b.granted("5/s", 3, time.Second, 0)
	for range 10 {
		b.reserve("5/s", 3, 0)
	}
	b.penalize(time.Second)
	b.granted("none", 0, time.Minute, time.Second)
	if keys := b.mr.Keys(); len(keys) != 1 || keys[0] != "refunds:{prov:unitpay}:limit" {
		t.Fatalf("keys %v, want the provider's one", keys)
	}
	b.after(2 * time.Minute)
	if keys := b.mr.Keys(); len(keys) != 0 {
		t.Errorf("keys %v are left after two idle minutes", keys)
	}
}

func TestALimitThatCannotBeKeptIsAnError(t *testing.T) {
	b := newBench(t)
	for name, l := range map[string]ratelimit.Limit{
		"no calls":              {Per: time.Second},
		"negative":              {Calls: -1, Per: time.Second},
		"no period":             {Calls: 5},
		"period too long":       {Calls: 5, Per: 25 * time.Hour},
		"more than one a micro": {Calls: 1001, Per: time.Millisecond},
	} {
		if _, ok, err := b.l.Reserve(context.Background(), "unitpay", l, 1, 0); ok || err == nil {
			t.Errorf("%s: ok=%t err=%v, want an error and no slot", name, ok, err)
		}
	}
}

func TestWithoutRedisThereIsNoSlot(t *testing.T) {
	b := newBench(t)
	b.mr.Close()
	if _, ok, err := b.l.Reserve(context.Background(), "unitpay", ratelimit.Default, 1, 0); ok || err == nil {
		t.Errorf("Reserve: ok=%t err=%v, want an error and no slot", ok, err)
	}
	if err := b.l.Penalize(context.Background(), "unitpay", time.Second); err == nil {
		t.Error("Penalize: no error")
	}
}
