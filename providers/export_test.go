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

var (
	ErrTooLate = errTooLate
	RetryAfter = retryAfter
	Encodings  = encodings
)

// CheckAddress is what a dial is checked by; here: base_url allows this machine.
var CheckAddress = checkAddress
