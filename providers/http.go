package providers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 15 * time.Second
	// connectLimit is how long a connection may take: the figure of UnitPay's
	// own SDK. Past it there is hardly time left to hear the answer, and giving
	// up before the first byte is the one failure that proves something.
	connectLimit = 5 * time.Second
	maxHeaders   = 64 << 10 // bytes of an answer's header
	userAgent    = "refundworker"
)

// Call is one HTTP request of a driver.
type Call struct {
	Operation string // for Settings.Observe: "refund", "status", "token"
	Method    string
	URL       *url.URL
	Header    http.Header // may be nil; not changed
	Body      []byte      // nil for none
	Extra     bool        // the caller took no rate-limit slot for it: Ask asks Settings.Throttle
	Hide      []Secret    // secrets beyond the settings', such as a token
}

// Client makes an account's HTTP calls: Send a refund attempt, Ask anything
// that may be asked twice. It follows no redirect, keeps no cookies, uses no
// proxy, speaks HTTP/1.1, limits every answer, and puts no secret into what it
// returns.
type Client struct {
	base     *url.URL
	timeout  time.Duration
	now      func() time.Time
	observe  func(string, time.Duration)
	throttle func(context.Context) error
	scrub    *scrubber
	tls      *tls.Config
	network  http.RoundTripper // replaces the network in tests; else nil
	lookups  http.RoundTripper
	idle     func()
	kept     *keptConns // for attempts
}

// NewClient returns a client for the settings. It reads Settings.RootCAs, and
// does no other I/O.
func NewClient(s Settings) (*Client, error) {
	if s.BaseURL == nil || s.BaseURL.Hostname() == "" {
		return nil, errors.New("base_url is required")
	}
	c := &Client{base: s.BaseURL, timeout: s.Timeout, now: s.Now, observe: s.Observe, throttle: s.Throttle,
		scrub: newScrubber(secretsOf(s)), network: s.Transport, idle: func() {}}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.kept = &keptConns{now: c.now}
	roots, err := rootCAs(s.RootCAs)
	if err != nil {
		return nil, err
	}
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"http/1.1"}}
	c.lookups = c.network
	if c.network == nil {
		t := &http.Transport{
			Proxy:                  nil, // the environment must not choose who sees the credentials
			DialContext:            dialer(c.base, connectLimit).DialContext,
			TLSHandshakeTimeout:    connectLimit,
			TLSClientConfig:        c.tls.Clone(),
			TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
			DisableCompression:     true,                                                   // readBody undoes it, within its limit
			MaxResponseHeaderBytes: maxHeaders,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        5 * time.Second,
		}
		c.lookups, c.idle = t, t.CloseIdleConnections
	}
	return c, nil
}

// Close closes the connections kept. The client stays usable: each attempt has
// a connection of its own then.
func (c *Client) Close() {
	c.idle()
	c.kept.abandon()
}

// URL returns the base URL with the path elements added, each escaped.
func (c *Client) URL(elements ...string) *url.URL {
	u := *c.base
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath, u.RawQuery, u.Fragment, u.User = "", "", "", nil
	for _, e := range elements {
		u = *u.JoinPath(url.PathEscape(e))
	}
	return &u
}

// Now is the client's clock.
func (c *Client) Now() time.Time { return c.now() }

// Ask makes a call that has no effect worth protecting: a lookup or a token. It
// may travel over a kept connection, and Go's transport may repeat it when that
// connection turns out to be dead.
func (c *Client) Ask(ctx context.Context, call Call) (Answer, *Failure) {
	if call.Extra && c.throttle != nil {
		if err := c.throttle(ctx); err != nil {
			return Answer{}, &Failure{Kind: Unavailable, Code: CodeNotSent, Message: "no slot of the rate limit in time"}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	if c.network == nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	}
	req, fail := c.request(ctx, call)
	if fail != nil {
		return Answer{}, fail
	}
	// A header of this name without values never goes on the wire; it tells the
	// transport that a POST may be repeated on a fresh connection.
	req.Header["X-Idempotency-Key"] = nil
	defer c.took(call.Operation, c.now())
	resp, err := c.lookups.RoundTrip(req)
	if err != nil {
		return Answer{}, c.broken(ctx, call, err, connected.Load())
	}
	defer resp.Body.Close()
	return c.receive(ctx, resp)
}

// request builds the HTTP request. Its errors would print the URL, so none is
// passed on.
func (c *Client) request(ctx context.Context, call Call) (*http.Request, *Failure) {
	var body io.Reader
	if call.Body != nil {
		body = bytes.NewReader(call.Body)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL.String(), body)
	if err != nil {
		return nil, &Failure{Kind: Unavailable, Code: CodeNotSent, Message: "the request could not be built"}
	}
	for k, v := range call.Header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	return req, nil
}

func (c *Client) took(operation string, start time.Time) {
	if c.observe != nil {
		c.observe(operation, c.now().Sub(start))
	}
}

// broken classifies a call that ended without an answer. sent says whether any
// byte of it may have left.
func (c *Client) broken(ctx context.Context, call Call, err error, sent bool) *Failure {
	if c.network != nil { // no connection of ours to watch: only a failed dial proves anything
		var op *net.OpError
		var dns *net.DNSError
		sent = !(errors.As(err, &op) && op.Op == "dial") && !errors.As(err, &dns)
	}
	if !sent {
		return &Failure{Kind: Unavailable, Code: CodeNotSent, Message: c.Text("not connected: "+err.Error(), call.Hide...)}
	}
	var timeout net.Error
	switch {
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return &Failure{Code: CodeTimeout, Message: "no answer in time"}
	case malformed(err):
		return &Failure{Code: CodeUnreadable, Message: "the answer is not HTTP"}
	}
	return &Failure{Code: CodeReset, Message: "the connection broke before the answer"}
}

func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("root certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("root certificates: %s holds no PEM certificate", file)
	}
	return pool, nil
}
