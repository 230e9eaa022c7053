package providers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Send makes one refund attempt, exactly once, over a connection of its own
// that is not http.Transport's: the transport re-sends a request when a kept
// connection dies, and HTTP/2 does when a stream is refused. No byte of the
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
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	req, fail := c.request(ctx, call)
	if fail != nil {
		return Answer{}, fail
	}
	req.Close = true
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
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return Answer{}, &Failure{Kind: Unavailable, Code: CodeNotSent, Message: "the request could not be built"}
	}
	conn, guard, err := c.connect(ctx, g, req, left)
	if err != nil {
		if errors.Is(err, errTooLate) || g.left() <= 0 {
			return Answer{}, tooLate()
		}
		return Answer{}, c.broken(ctx, call, err, false)
	}
	defer guard.Close()
	defer context.AfterFunc(ctx, func() { guard.Close() })()

	guard.armed.Store(true)
	if _, err := conn.Write(wire.Bytes()); err != nil {
		switch {
		case guard.sent.Load():
			return Answer{}, c.broken(ctx, call, err, true)
		case errors.Is(err, errTooLate):
			return Answer{}, tooLate()
		}
		return Answer{}, c.broken(ctx, call, err, false)
	}
	resp, err := readResponse(conn, req)
	if err != nil {
		return Answer{}, c.broken(ctx, call, err, true)
	}
	answer, fail := c.receive(ctx, resp)
	if fail == nil {
		guard.answered.Store(true)
	}
	return answer, fail
}

func tooLate() *Failure {
	return &Failure{Kind: Unavailable, Code: CodeTooLate, Message: "the attempt's time was over before anything was sent"}
}

// connect dials and, for https, shakes hands; all of it within connectLimit and
// half of the time left, so that there is time to hear the answer.
func (c *Client) connect(ctx context.Context, g gate, req *http.Request, left time.Duration) (net.Conn, *guardedConn, error) {
	ctx, cancel := context.WithTimeout(ctx, min(connectLimit, left/2))
	defer cancel()
	host, port := req.URL.Hostname(), req.URL.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[req.URL.Scheme]
	}
	raw, err := dialer(c.base, connectLimit).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, err
	}
	guard := &guardedConn{Conn: raw, gate: g}
	if req.URL.Scheme != "https" {
		return guard, guard, nil
	}
	config := c.tls.Clone()
	config.ServerName = host
	secure := tls.Client(guard, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		guard.Close()
		return nil, nil, err
	}
	return secure, guard, nil
}

// readResponse reads the status and the header, of at most maxHeaders bytes.
func readResponse(conn io.Reader, req *http.Request) (*http.Response, error) {
	limit := &io.LimitedReader{R: conn, N: maxHeaders}
	r := bufio.NewReader(limit)
	for range 5 { // informational answers come before the real one
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			if limit.N <= 0 {
				return nil, errMalformed
			}
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			limit.N = 2*maxBody + maxHeaders // the body has its own limit; this one is for chunk framing and trailers
			return resp, nil
		}
	}
	return nil, errMalformed
}
