package providers

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// Send makes one refund attempt, exactly once, over a connection that is not
// http.Transport's: the transport re-sends a request when a kept connection
// dies, and HTTP/2 does when a stream is refused. It is a new one, or one on
// which an attempt was answered a moment ago (see keptConns). No byte of the
// request leaves after deadline (see gate).
//
// A Failure with Kind Unavailable means that no byte of it left at all. One
// with Kind Unknown means that some may have.
func (c *Client) Send(ctx context.Context, deadline time.Time, call Call) (Answer, *Failure) {
	g := newGate(c.now, deadline)
	left := min(g.left(), c.timeout)
	if left <= 0 {
		return Answer{}, tooLate()
	}
	if over, bounded := ctx.Deadline(); !bounded || time.Until(over) > left {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	req, fail := c.request(ctx, call)
	if fail != nil {
		return Answer{}, fail
	}
	req.Close = !c.kept.keeping()
	defer c.took(call.Operation, c.now())
	if c.network != nil {
		resp, err := c.network.RoundTrip(req)
		if err != nil {
			return Answer{}, c.broken(ctx, call, err, true)
		}
		defer resp.Body.Close()
		return c.receive(ctx, resp)
	}

	// Rendered first, so that "the first byte" is one moment.
	wire := bytes.NewBuffer(make([]byte, 0, 512+len(call.Body)))
	if err := req.Write(wire); err != nil {
		return Answer{}, &Failure{Kind: Unavailable, Code: CodeNotSent, Message: "the request could not be built"}
	}
	if err := ctx.Err(); err != nil { // a kept connection would not ask
		return Answer{}, c.broken(ctx, call, err, false)
	}
	conn := c.kept.take()
	if conn == nil {
		var err error
		if conn, err = c.connect(ctx, g, req, left); err != nil {
			if errors.Is(err, errTooLate) || g.left() <= 0 {
				return Answer{}, tooLate()
			}
			return Answer{}, c.broken(ctx, call, err, false)
		}
	}
	conn.begin(g)
	attended := context.AfterFunc(ctx, func() { conn.guard.Close() })
	answer, fail, reusable := c.exchange(ctx, conn, req, wire.Bytes(), call)
	// If the context has ended by now, whoever closes it may do so at any moment.
	if attended() && reusable {
		c.kept.put(conn)
	} else {
		conn.guard.Close()
	}
	return answer, fail
}

// exchange sends the request and reads its answer. It also tells whether the
// connection may serve another attempt.
func (c *Client) exchange(ctx context.Context, conn *attemptConn, req *http.Request, wire []byte, call Call) (_ Answer, _ *Failure, reusable bool) {
	if _, err := conn.Write(wire); err != nil {
		switch {
		case conn.guard.sent.Load():
			c.died(conn)
			return Answer{}, c.broken(ctx, call, err, true), false
		case errors.Is(err, errTooLate):
			return Answer{}, tooLate(), false
		}
		c.died(conn)
		return Answer{}, c.broken(ctx, call, err, false), false
	}
	resp, err := conn.readResponse(req)
	if err != nil {
		c.died(conn)
		return Answer{}, c.broken(ctx, call, err, true), false
	}
	answer, fail := c.receive(ctx, resp)
	if fail != nil {
		return answer, fail, false
	}
	conn.guard.answered.Store(true)
	if conn.again && answer.Status == http.StatusRequestTimeout { // how some servers say that they were closing it
		c.kept.betray()
	}
	return answer, nil, conn.reusable(resp)
}

// died notes that an attempt got no byte of an answer. On a connection that was
// kept the reason may be that it was: the other side, or something in between,
// had forgotten it.
func (c *Client) died(conn *attemptConn) {
	if conn.again && !conn.heard() {
		c.kept.betray()
	}
}

func tooLate() *Failure {
	return &Failure{Kind: Unavailable, Code: CodeTooLate, Message: "the attempt's time was over before anything was sent"}
}

// connect dials and, for https, shakes hands; all of it within connectLimit and
// half of the time left, so that there is time to hear the answer.
func (c *Client) connect(ctx context.Context, g gate, req *http.Request, left time.Duration) (*attemptConn, error) {
	opened := c.now()
	ctx, cancel := context.WithTimeout(ctx, min(connectLimit, left/2))
	defer cancel()
	host, port := req.URL.Hostname(), req.URL.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[req.URL.Scheme]
	}
	raw, err := dialer(c.base, connectLimit).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	guard := &guardedConn{Conn: raw, gate: g}
	if req.URL.Scheme != "https" {
		return newAttemptConn(guard, guard, opened), nil
	}
	guard.records = new(records)
	config := c.tls.Clone()
	config.ServerName = host
	secure := tls.Client(guard, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		guard.Close()
		return nil, err
	}
	return newAttemptConn(secure, guard, opened), nil
}
