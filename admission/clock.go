package admission

import (
	"sync"
	"time"
)

// drift is by how much of the time two clocks drift apart, at most: NTP corrects one
// by half of that.
const drift = 1. / 1000

// clock is what a server's clock shows, by this process's and from the answers. Each
// was made after it was asked for and before it was read. One is read the later the
// more else there is to do here, so the one that took the least says what the time
// is for the others: it is never reckoned to be later than it is.
type clock struct {
	mu    sync.Mutex
	apart time.Duration // the process's less the server's; the true one is no greater,
	at    time.Time     // as of this moment; zero: nothing is known
}

// passed is how long ago an answer was made, at least, that shows this time of the
// server, was asked for at one time and read at the other.
func (c *clock) passed(server, asked, read time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := read.Sub(server)
	known := c.apart + time.Duration(float64(read.Sub(c.at))*drift)
	// One that was made before it was asked for, as it seems: a clock was set.
	if c.at.IsZero() || most <= known || asked.Sub(server) > known {
		c.apart, c.at = most, read
		return 0
	}
	return min(most-known, read.Sub(asked)) // also if one was set meanwhile
}
