package providers

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// attemptConn is a connection that attempts travel over, one at a time.
type attemptConn struct {
	net.Conn // what requests are written to: TLS, or the guard itself
	guard    *guardedConn
	limit    *io.LimitedReader // bounds what one answer may take
	answers  *bufio.Reader
	opened   time.Time
	rested   time.Time     // when its last attempt ended
	patience time.Duration // how long it may be idle since
	again    bool          // an attempt was answered on it before
}

func newAttemptConn(conn net.Conn, guard *guardedConn, now time.Time) *attemptConn {
	limit := &io.LimitedReader{R: conn}
	return &attemptConn{Conn: conn, guard: guard, limit: limit, answers: bufio.NewReader(limit), opened: now}
}

// begin arms the connection for an attempt: nothing leaves once the gate is
// shut, and closing it resets it.
func (c *attemptConn) begin(g gate) {
	c.guard.gate = g
	c.guard.sent.Store(false)
	c.guard.answered.Store(false)
	c.guard.armed.Store(true)
	c.limit.N = maxHeaders
}

// heard reports whether a byte has come back since begin.
func (c *attemptConn) heard() bool { return c.limit.N != maxHeaders }

// readResponse reads the status and the header, of at most maxHeaders bytes.
func (c *attemptConn) readResponse(req *http.Request) (*http.Response, error) {
	for range 5 { // informational answers come before the real one
		resp, err := http.ReadResponse(c.answers, req)
		if err != nil {
			if c.limit.N <= 0 {
				return nil, errMalformed
			}
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.limit.N = 2*maxBody + maxHeaders // the body has its own limit; this one is for chunk framing and trailers
			return resp, nil
		}
	}
	return nil, errMalformed
}

// fresh reports whether neither its age nor its idleness forbids another attempt.
func (c *attemptConn) fresh(now time.Time) bool {
	return since(c.opened, now) < ageLimit && since(c.rested, now) < c.patience
}

// reusable reports whether the connection may serve another attempt, as far as
// this answer tells: a success in HTTP/1.1, read to its end, neither side said
// close, and nothing came after it. HTTP/1.0 has no persistent connections worth
// the name, and a server that answers anything but success may be about to close.
func (c *attemptConn) reusable(resp *http.Response) bool {
	if resp.StatusCode/100 != 2 || !resp.ProtoAtLeast(1, 1) || resp.Close || resp.Request.Close {
		return false
	}
	if _, err := resp.Body.Read(nil); err != io.EOF {
		return false
	}
	c.patience = patience(resp.Header)
	return c.patience > 0 && !c.more()
}

// more reports whether bytes beyond the answer have been taken from the kernel,
// whether they lie in our buffer or in that of TLS.
func (c *attemptConn) more() bool {
	c.guard.dry = true
	_, err := c.answers.Peek(1)
	c.guard.dry = false
	return !errors.Is(err, errDry) || !c.guard.records.whole()
}
