package providers

import (
	"net"
	"time"
)

// GateLeft is how much time a gate gives with these clocks.
func GateLeft(wall time.Time, elapsed time.Duration, until time.Time, span time.Duration) time.Duration {
	return gate{wall: func() time.Time { return wall }, elapsed: func() time.Duration { return elapsed }, until: until, span: span}.left()
}

// GuardedWrite writes to a connection whose gate has these clocks.
func GuardedWrite(conn net.Conn, wall time.Time, elapsed time.Duration, until time.Time, span time.Duration) (int, error) {
	g := gate{wall: func() time.Time { return wall }, elapsed: func() time.Duration { return elapsed }, until: until, span: span}
	return (&guardedConn{Conn: conn, gate: g}).Write([]byte("refund"))
}

// GuardedWrites writes to one connection while so much time is left, and calls then
// after each.
func GuardedWrites(conn net.Conn, then func(left time.Duration), lefts ...time.Duration) error {
	now := time.Now().Round(0)
	g := &guardedConn{Conn: conn}
	for _, left := range lefts {
		g.gate = gate{wall: func() time.Time { return now }, elapsed: func() time.Duration { return 0 }, until: now.Add(left), span: time.Hour}
		if _, err := g.Write([]byte("refund")); err != nil {
			return err
		}
		then(left)
	}
	return nil
}

var (
	ErrTooLate = errTooLate
	RetryAfter = retryAfter
	Encodings  = encodings
	Inspect    = inspect
)

// CheckAddress is what a dial is checked by; here: base_url allows this machine.
var CheckAddress = checkAddress

// Kept is how many connections wait for an attempt.
func Kept(c *Client) int {
	c.kept.mu.Lock()
	defer c.kept.mu.Unlock()
	return len(c.kept.idle)
}

// KeptStill reports whether each of them is open and silent.
func KeptStill(c *Client) bool {
	c.kept.mu.Lock()
	defer c.kept.mu.Unlock()
	for _, conn := range c.kept.idle {
		if !still(conn.guard.Conn) {
			return false
		}
	}
	return true
}

// MaxKept is how many may; LooksAtConnections is whether any may on this system.
const (
	MaxKept            = maxKept
	LooksAtConnections = looks
)

// WholeRecords reports whether these pieces, one after the other, end with a TLS
// record.
func WholeRecords(pieces ...[]byte) bool {
	r := new(records)
	for _, p := range pieces {
		r.pass(p)
	}
	return r.whole()
}
