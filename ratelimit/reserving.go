package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// ReserveLua is what Reserve runs, for a script that asks more in the same round
// trip: a chunk over KEYS[1] and ARGV, which are Reservation's Key and Args, that
// returns what Reservation's Slot reads. It is put behind a local time, what TIME
// answered.
func ReserveLua() string { return freeLua + figuresLua + stateLua + reserveLua }

// Reservation is a Reserve that is being asked.
type Reservation struct {
	Key  string
	Args []any

	provider  string
	unlimited bool
	maxWait   time.Duration
}

// Reserving begins a Reserve that another script asks for: see ReserveLua. The slot
// begins no sooner than in ready, which is what the caller takes to get ready for it
// and counts as waited for; an unlimited call has none that could begin.
func Reserving(provider string, limit Limit, burst int, ready, maxWait time.Duration) (Reservation, error) {
	limit = limit.orDefault()
	if err := limit.check(); err != nil {
		return Reservation{}, fmt.Errorf("rate limit of %s: %w", provider, err)
	}
	interval := limit.interval()
	slots := min(max(int64(burst), 1), maxBurst.Microseconds()/max(interval, 1))
	ready = min(max(ready, 0), MaxWait)
	maxWait = min(max(maxWait, ready), MaxWait)
	return Reservation{
		Key: key(provider), provider: provider, unlimited: limit.Unlimited, maxWait: maxWait,
		Args: []any{interval, slots, maxWait.Microseconds(), ready.Microseconds()},
	}, nil
}

// Slot is what a Reservation came to.
type Slot struct {
	OK   bool          // it is the caller's
	Wait time.Duration // as Reserve returns it, from when the answer was made
	Made time.Time     // by the server's clock
}

// Slot reads the answer.
func (r Reservation) Slot(reply []any) (Slot, error) {
	var n [4]int64
	for i := range n {
		var ok bool
		if len(reply) == len(n) {
			n[i], ok = reply[i].(int64)
		}
		if !ok {
			return Slot{}, fmt.Errorf("rate limit of %s: the script returned %v instead of 4 numbers", r.provider, reply)
		}
	}
	made := time.UnixMicro(n[3])
	slot, back := microseconds(n[1]), microseconds(n[2])
	if n[0] == 1 {
		return Slot{OK: true, Wait: slot, Made: made}, nil
	}
	switch { // the script does not tell these callers apart
	case r.unlimited: // waiting for a penalty's end
		back += rand.N(slot/10 + 1)
	case back+r.maxWait >= slot+Horizon: // behind the others
		back -= rand.N(Horizon / 2)
	}
	return Slot{Wait: back, Made: made}, nil
}
