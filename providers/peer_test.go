package providers_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/internal/clocktest"
	"refundworker/providers"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// peer is the other side of connections that serve more than one request.
type peer struct {
	base        string
	connections atomic.Int32
	requests    atomic.Int32
	closing     atomic.Int32 // requests that said Connection: close
	ended       chan error   // how each connection ended, as the peer saw it
}

// exchange is one request that a peer has read.
type exchange struct {
	net.Conn
	connection, request int // from 1; request on this connection
}

func (e exchange) say(answer string) bool {
	_, err := io.WriteString(e.Conn, answer)
	return err == nil
}

// newPeer starts one. serve answers a request, and says whether to read another
// one from the connection; secure may be nil.
func newPeer(t *testing.T, secure *tls.Config, serve func(e exchange) bool) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{base: "http://" + l.Addr().String(), ended: make(chan error, 100)}
	if secure != nil {
		p.base, l = "https://"+l.Addr().String(), tls.NewListener(l, secure)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := int(p.connections.Add(1))
			all.Go(func() {
				defer conn.Close()
				p.ended <- p.requestsOf(conn, n, serve)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return p
}

func (p *peer) requestsOf(conn net.Conn, connection int, serve func(exchange) bool) error {
	r := bufio.NewReader(conn)
	for request := 1; ; request++ {
		for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			head += line
			if strings.EqualFold(line, "Connection: close\r\n") {
				p.closing.Add(1)
			}
		}
		p.requests.Add(1)
		if !serve(exchange{conn, connection, request}) {
			return nil
		}
	}
}

// saw checks how many connections and requests came.
func (p *peer) saw(t *testing.T, connections, requests int32) {
	t.Helper()
	if c, r := p.connections.Load(), p.requests.Load(); c != connections || r != requests {
		t.Errorf("%d requests over %d connections, want %d over %d", r, c, requests, connections)
	}
}

// steady is a clock that an account may go by.
type steady struct{ *clocktest.Clock }

func newSteady() steady {
	return steady{clocktest.New(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))}
}

func (s steady) set(o *providers.Settings) { o.Now = s.Now }

// attempt makes one with a minute by the client's clock.
func attempt(c *providers.Client) (providers.Answer, *providers.Failure) {
	return c.Send(context.Background(), c.Now().Add(time.Minute), call(c))
}

// answered makes an attempt that must be answered.
func answered(t *testing.T, c *providers.Client) {
	t.Helper()
	if got, fail := attempt(c); fail != nil || string(got.Body) != "hello" {
		t.Fatalf("got %q %+v, want hello", got.Body, fail)
	}
}

// disturbed waits until a kept connection is seen to be closed, or to hold bytes.
func disturbed(t *testing.T, c *providers.Client) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for providers.KeptStill(c) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("nothing came over the kept connection")
		}
	}
}
