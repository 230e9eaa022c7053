package providers

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

var (
	errTooLate = errors.New("the attempt's deadline has passed")
	// errDry is a timeout, because TLS takes any other error for the connection's
	// end. Nothing else gives one here: no read has a deadline.
	errDry = os.ErrDeadlineExceeded
)

// limitStep is how exactly the kernel is told of how much time is left.
const limitStep = 100 * time.Millisecond

// gate tells how much of an attempt's time is left, by the wall clock and by
// the monotonic one. Neither is enough: a suspended machine stops the second,
// and somebody who sets the clock back stops the first.
type gate struct {
	wall    func() time.Time     // the wall clock alone
	elapsed func() time.Duration // monotonic, since the gate was made
	until   time.Time            // by the wall clock
	span    time.Duration        // by the monotonic clock
}

func newGate(now func() time.Time, deadline time.Time) gate {
	start := now()
	return gate{
		wall:    func() time.Time { return now().Round(0) }, // Round(0) strips the monotonic reading
		elapsed: func() time.Duration { return now().Sub(start) },
		until:   deadline.Round(0),
		span:    deadline.Sub(start),
	}
}

func (g gate) left() time.Duration {
	return min(g.until.Sub(g.wall()), g.span-g.elapsed())
}

// guardedConn is the connection of one attempt at a time. Its Write refuses once
// the gate is shut, and its Close resets the connection unless the answer was
// read, so that the kernel delivers nothing that it still holds.
type guardedConn struct {
	net.Conn
	gate     gate
	armed    atomic.Bool // the handshake is over: what is written now is the request
	sent     atomic.Bool // the kernel took at least one byte of the request
	answered atomic.Bool
	limit    time.Duration // that the kernel was told last, of what stays unacknowledged
	dry      bool          // Read takes nothing from the kernel: what comes is what was taken before
	records  *records
}

func (c *guardedConn) Write(b []byte) (int, error) {
	left := c.gate.left()
	if left <= 0 {
		return 0, errTooLate
	}
	c.limitUnacknowledged(left)
	if err := c.Conn.SetWriteDeadline(time.Now().Add(left)); err != nil { // the runtime's timers know only the real clock
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if n > 0 && c.armed.Load() {
		c.sent.Store(true)
	}
	return n, err
}

// limitUnacknowledged bounds how long what is sent may stay unacknowledged. In whole
// steps, and no longer than what is left, the bound is mostly what it was for the
// attempt before, which the kernel need not be told again.
func (c *guardedConn) limitUnacknowledged(left time.Duration) {
	limit := left.Truncate(limitStep)
	if limit == 0 {
		limit = left
	}
	if limit != c.limit {
		limitUnacknowledged(c.Conn, limit)
		c.limit = limit
	}
}

func (c *guardedConn) Read(b []byte) (int, error) {
	if c.dry {
		return 0, errDry
	}
	n, err := c.Conn.Read(b)
	c.records.pass(b[:n])
	return n, err
}

// Close may be called more than once and from any goroutine.
func (c *guardedConn) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && !c.answered.Load() {
		_ = tcp.SetLinger(0) // fails only when closed already
	}
	return c.Conn.Close()
}
