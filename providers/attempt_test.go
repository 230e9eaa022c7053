package providers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"refundworker/providers"
)

func TestAnswersByWhatTheyProve(t *testing.T) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, strings.Repeat(" ", 2<<20))
	zip.Close()
	for _, tc := range []struct {
		name, answer string
		kind         providers.Kind
		code         string
		after        time.Duration
	}{
		{"closed without an answer: unknown", "", providers.Unknown, providers.CodeReset, 0},
		{"garbage: unknown", "\x00\x01garbage\r\n\r\n", providers.Unknown, providers.CodeUnreadable, 0},
		{"truncated body: unknown", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"result\"", providers.Unknown, providers.CodeReset, 0},
		{"truncated header: unknown", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", providers.Unknown, providers.CodeReset, 0},
		{"truncated body of a 502: the status", "HTTP/1.1 502 Bad\r\nContent-Length: 99\r\n\r\nx", providers.Unknown, "http_502", 0},
		{"body too large: unknown", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20+1), providers.Unknown, providers.CodeTooLarge, 0},
		{"body too large unpacked: unknown", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.String()), providers.Unknown, providers.CodeTooLarge, 0},
		{"header too large: unknown", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", providers.Unknown, providers.CodeUnreadable, 0},
		{"endless informational answers: unknown", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10), providers.Unknown, providers.CodeUnreadable, 0},
		{"redirect: unknown", "HTTP/1.1 302 Found\r\nLocation: /pay\r\nContent-Length: 0\r\n\r\n", providers.Unknown, providers.CodeRedirect, 0},
		{"429: rate limited", "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", providers.RateLimited, "http_429", 0},
		{"429 with Retry-After: rate limited", "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", providers.RateLimited, "http_429", 7 * time.Second},
		{"429 with a truncated body: rate limited", "HTTP/1.1 429 Slow\r\nContent-Length: 5\r\n\r\n", providers.RateLimited, "http_429", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base, requests := raw(t, tc.answer)
			c := open(t, base)
			_, fail := send(c)
			if fail == nil || fail.Kind != tc.kind || fail.Code != tc.code || fail.RetryAfter != tc.after {
				t.Fatalf("Send: %+v, want %v %s after %v", fail, tc.kind, tc.code, tc.after)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("Send made %d requests, want 1", n)
			}
			if _, fail := c.Ask(context.Background(), call(c)); fail == nil || fail.Kind != tc.kind {
				t.Errorf("Ask: %+v, want %v", fail, tc.kind)
			}
		})
	}
}

func TestCompleteAnswersAreRead(t *testing.T) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, "hello")
	zip.Close()
	for name, answer := range map[string]string{
		"with a length":             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"chunked":                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"until close":               "HTTP/1.0 200 OK\r\n\r\nhello",
		"after an early answer":     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"compressed though unasked": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + packed.String(),
	} {
		t.Run(name, func(t *testing.T) {
			base, _ := raw(t, answer)
			got, fail := send(open(t, base))
			if fail != nil || string(got.Body) != "hello" || !got.OK() {
				t.Errorf("got %q %+v, want hello", got.Body, fail)
			}
		})
	}
}

func TestDeadConnectionIsNotSentAgain(t *testing.T) {
	var effects atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status" {
			return
		}
		effects.Add(1)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer srv.Close()
	c := open(t, srv.URL)
	ask := call(c)
	ask.URL = c.URL("status")
	if _, fail := c.Ask(context.Background(), ask); fail != nil { // leaves a kept connection
		t.Fatalf("Ask: %+v", fail)
	}
	_, fail := send(c)
	if fail == nil || fail.Kind != providers.Unknown || fail.Code != providers.CodeReset {
		t.Errorf("Send: %+v, want unknown", fail)
	}
	if n := effects.Load(); n != 1 {
		t.Errorf("the provider was asked %d times, want 1", n)
	}
}

func TestRequestThatBreaksOffIsUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 100))
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}()
	c := open(t, "http://"+l.Addr().String())
	huge := call(c)
	huge.Method, huge.Body = http.MethodPost, make([]byte, 24<<20) // more than the kernel takes at once
	_, fail := c.Send(context.Background(), time.Now().Add(5*time.Second), huge)
	if fail == nil || fail.Kind != providers.Unknown || fail.Code != providers.CodeReset {
		t.Errorf("Send: %+v, want unknown", fail)
	}
}

func TestNothingLeavesLate(t *testing.T) {
	base, requests := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	late := func(t *testing.T, c *providers.Client, deadline time.Time) {
		t.Helper()
		_, fail := c.Send(context.Background(), deadline, call(c))
		if fail == nil || fail.Kind != providers.Unavailable || fail.Code != providers.CodeTooLate {
			t.Errorf("Send: %+v, want unavailable, too late", fail)
		}
		if n := requests.Load(); n != 0 {
			t.Errorf("%d requests left, want none", n)
		}
	}
	t.Run("deadline past", func(t *testing.T) { late(t, open(t, base), time.Now().Add(-time.Millisecond)) })
	t.Run("no deadline", func(t *testing.T) { late(t, open(t, base), time.Time{}) })
	t.Run("clock jumps while connecting", func(t *testing.T) {
		var jumped atomic.Bool
		var served atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
		srv.Config.ErrorLog = quiet
		srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			jumped.Store(true)
			return nil, nil
		}}
		srv.StartTLS()
		defer srv.Close()
		start := time.Now()
		now := func() time.Time {
			if jumped.Load() {
				return start.Add(time.Hour)
			}
			return start
		}
		late(t, open(t, srv.URL, trust(t, srv), func(s *providers.Settings) { s.Now = now }), start.Add(5*time.Second))
		if !jumped.Load() || served.Load() != 0 {
			t.Errorf("jumped %v, %d requests served; want the jump and none", jumped.Load(), served.Load())
		}
	})
}

func TestGivingUpResetsTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close()
		_, err = io.Copy(io.Discard, conn)
		ended <- err
	}()
	c := open(t, "http://"+l.Addr().String(), func(s *providers.Settings) { s.Timeout = 200 * time.Millisecond })
	if _, fail := send(c); fail == nil || fail.Kind != providers.Unknown || fail.Code != providers.CodeTimeout {
		t.Errorf("Send: %+v, want unknown, timeout", fail)
	}
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side saw %v, want a reset", err)
	}
}

func TestCanceledCallerIsUnknownOnceSent(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer srv.Close()
	c := open(t, srv.URL)
	if _, fail := c.Send(ctx, time.Now().Add(5*time.Second), call(c)); fail == nil || fail.Kind != providers.Unknown {
		t.Errorf("Send: %+v, want unknown", fail)
	}
	if _, fail := c.Send(ctx, time.Now().Add(5*time.Second), call(c)); fail == nil || fail.Kind != providers.Unavailable {
		t.Errorf("Send after cancelling: %+v, want unavailable", fail)
	}
}
