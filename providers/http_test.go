package providers_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"refundworker/providers"
)

func open(t testing.TB, base string, change ...func(*providers.Settings)) *providers.Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	s := providers.Settings{BaseURL: u, Timeout: 10 * time.Second,
		Secrets: map[string]providers.Secret{"key": providers.NewSecret("s3cr3t+key/value")}}
	for _, f := range change {
		f(&s)
	}
	c, err := providers.NewClient(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var quiet = log.New(io.Discard, "", 0)

// trust makes a client accept the server's certificate.
func trust(t *testing.T, srv *httptest.Server) func(*providers.Settings) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(s *providers.Settings) { s.RootCAs = file }
}

func call(c *providers.Client) providers.Call {
	return providers.Call{Operation: "refund", Method: http.MethodGet, URL: c.URL("pay")}
}

func send(c *providers.Client) (providers.Answer, *providers.Failure) {
	return c.Send(context.Background(), time.Now().Add(5*time.Second), call(c))
}

// raw answers every connection's first request with these bytes and a close.
func raw(t *testing.T, answer string) (string, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int32
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				if n, _ := conn.Read(buf); n > 0 {
					requests.Add(1)
				}
				_, _ = io.WriteString(conn, answer)
			})
		}
	})
	t.Cleanup(func() { l.Close(); handlers.Wait() })
	return "http://" + l.Addr().String(), &requests
}

func TestNothingSentIsUnavailable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, base := range map[string]string{
		"connection refused":        "http://" + closed.Addr().String(),
		"no such host":              "http://no-such-host.invalid",
		"certificate not trusted":   untrusted.URL,
		"no TLS on the other side":  "https://" + plain.Listener.Addr().String(),
		"handshake never completed": "https://" + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, base, func(s *providers.Settings) { s.Timeout = time.Second })
			if _, fail := send(c); fail == nil || fail.Kind != providers.Unavailable || fail.Code != providers.CodeNotSent {
				t.Errorf("Send: %+v, want unavailable, not sent", fail)
			}
			if _, fail := c.Ask(context.Background(), call(c)); fail == nil || fail.Kind != providers.Unavailable {
				t.Errorf("Ask: %+v, want unavailable", fail)
			}
		})
	}
}

func TestTLSSpeaksHTTP1WithConfiguredRoots(t *testing.T) {
	protos := make(chan string, 2)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protos <- r.Proto }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	c := open(t, srv.URL, trust(t, srv))
	if _, fail := send(c); fail != nil {
		t.Fatalf("Send: %+v", fail)
	}
	if _, fail := c.Ask(context.Background(), call(c)); fail != nil {
		t.Fatalf("Ask: %+v", fail)
	}
	for range 2 {
		if p := <-protos; p != "HTTP/1.1" {
			t.Errorf("spoke %s, want HTTP/1.1", p)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	defer srv.Close()
	if _, fail := send(open(t, srv.URL, trust(t, srv))); fail == nil || fail.Kind != providers.Unavailable {
		t.Errorf("Send: %+v, want unavailable", fail)
	}
}

func TestObservedAndThrottled(t *testing.T) {
	base, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	var seen []string
	slots := 0
	c := open(t, base, func(s *providers.Settings) {
		s.Observe = func(op string, _ time.Duration) { seen = append(seen, op) }
		s.Throttle = func(context.Context) error {
			if slots++; slots > 1 {
				return errors.New("no slot")
			}
			return nil
		}
	})
	_, _ = send(c)
	extra := call(c)
	extra.Operation, extra.Extra = "token", true
	if _, fail := c.Ask(context.Background(), extra); fail != nil {
		t.Fatalf("Ask with a slot: %+v", fail)
	}
	if _, fail := c.Ask(context.Background(), extra); fail == nil || fail.Kind != providers.Unavailable {
		t.Errorf("Ask without a slot: %+v, want unavailable", fail)
	}
	if got := strings.Join(seen, " "); got != "refund token" {
		t.Errorf("observed %q, want refund token", got)
	}
}

func TestLookupSurvivesADeadConnection(t *testing.T) {
	var seen sync.Map
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, kept := seen.LoadOrStore(r.RemoteAddr, true); kept {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
		}
	}))
	defer srv.Close()
	c := open(t, srv.URL)
	ask := call(c)
	ask.Method, ask.Body = http.MethodPost, []byte("orderId=1")
	for i := range 2 {
		if _, fail := c.Ask(context.Background(), ask); fail != nil {
			t.Errorf("Ask %d: %+v", i, fail)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReplacedNetworkProvesNothingBeyondTheDial(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		kind providers.Kind
	}{
		"failed dial: unavailable": {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, providers.Unavailable},
		"anything else: unknown":   {errors.New("broke"), providers.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, "https://provider.example", func(s *providers.Settings) {
				s.Transport = transport(func(*http.Request) (*http.Response, error) { return nil, tc.err })
			})
			if _, fail := send(c); fail == nil || fail.Kind != tc.kind {
				t.Errorf("Send: %+v, want %v", fail, tc.kind)
			}
		})
	}
}
