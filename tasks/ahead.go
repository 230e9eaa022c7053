package tasks

import (
	"sync/atomic"
	"time"
)

// attemptEarly is how long before its slot an attempt is written ahead: writing
// takes a different time for each, and calls that leave one slot late and the next
// in time are too close together for the provider.
const attemptEarly = 50 * time.Millisecond

// slot is when a call may be made, by a timer's clock, not the refund's.
type slot struct {
	from  time.Time
	since time.Time // the caller has been getting ready for it
}

// ahead is how long it takes to get an attempt ready, from asking for its slot until
// it is written ahead. An attempt that finds a slot free gets one that begins when it
// will be ready; so it leaves as soon as it can, and is not late, with the next one
// close behind it.
//
// It is the longest of late, which fades, and at first as long as may be: nothing
// takes longer than what a worker does first. Of two that are told at the same moment
// one may be lost.
type ahead struct{ least atomic.Int64 } // of what it is less than attemptEarly, so that 0 is at first

// time is what the next one will take, as far as can be told.
func (a *ahead) time() time.Duration { return attemptEarly - time.Duration(a.least.Load()) }

// took tells what one has taken.
func (a *ahead) took(d time.Duration) {
	was := a.time()
	is := min(max(d, was-(was-d)/8), attemptEarly)
	a.least.Store(int64(attemptEarly - is))
}
