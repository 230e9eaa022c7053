package providertest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/internal/clocktest"
	"refundworker/providers"
	"refundworker/providers/sandbox"
)

// refunds go right, and do what they say.
func (h Harness) refunds(t *testing.T) {
	t.Run("full: all of it once", func(t *testing.T) {
		b := h.bench(t)
		at := Attempt(h.Payment, 0, h.Currency)
		if n, ok := b.account.(providers.AmountNeeder); ok && n.NeedsAmount() {
			at.Minor = total
		}
		if out := b.refund(at); out.Kind != h.Success || b.given() != total {
			t.Errorf("%+v gave back %d, want %v and %d", out, b.given(), h.Success, total)
		}
	})
	t.Run("full without the amount: all of it or nothing", func(t *testing.T) {
		b := h.bench(t)
		out := b.refund(Attempt(h.Payment, 0, h.Currency))
		if n, ok := b.account.(providers.AmountNeeder); ok && n.NeedsAmount() {
			if out.Kind != providers.Unavailable || b.sandbox.Calls(h.Company, sandbox.OpRefund) != 0 {
				t.Errorf("%+v, want nothing sent", out)
			}
		} else if out.Kind != h.Success || b.given() != total {
			t.Errorf("%+v gave back %d, want %d", out, b.given(), total)
		}
	})
	t.Run("partial: that part once", func(t *testing.T) {
		b := h.bench(t)
		out := b.refund(b.attempt())
		if out.Kind != h.Success || b.given() != part {
			t.Errorf("%+v gave back %d, want %v and %d", out, b.given(), h.Success, part)
		}
		if out.Moved != nil && *out.Moved != part {
			t.Errorf("says that %d moved, want %d", *out.Moved, part)
		}
	})
	t.Run("partial without an amount: nothing sent", func(t *testing.T) {
		b := h.bench(t)
		at := b.attempt()
		at.Minor = 0
		if out := b.refund(at); out.Kind != providers.Unavailable || b.sandbox.Calls(h.Company, sandbox.OpRefund) != 0 {
			t.Errorf("%+v, want nothing sent", out)
		}
	})
	t.Run("more than is left: never a success", func(t *testing.T) {
		b := h.bench(t)
		out := b.refund(Attempt(h.Payment, total+1, h.Currency))
		if out.Kind == providers.Succeeded || out.Kind == providers.Accepted || b.given() != 0 {
			t.Errorf("%+v gave back %d", out, b.given())
		}
	})
	t.Run("one after another: each once, over one connection", func(t *testing.T) {
		b := h.bench(t)
		var connections atomic.Int32
		front := httptest.NewUnstartedServer(b.sandbox)
		front.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		front.Start()
		t.Cleanup(front.Close)
		clock := clocktest.New(time.Now().Round(0)) // stands still, however slow the machine is
		s := b.settings(t)
		s.BaseURL.Host, s.Now = front.Listener.Addr().String(), clock.Now
		account := Open(t, h.Driver, s)
		if p, ok := account.(providers.Prober); ok { // a token, which is no attempt's business
			_ = p.Probe(context.Background())
		}
		before := connections.Load()
		for minor := int64(1); minor <= 4; minor++ {
			at := Attempt(h.Payment, minor*100, h.Currency)
			at.Deadline = clock.Now().Add(10 * time.Second)
			if out := account.Refund(context.Background(), at); out.Kind != h.Success {
				t.Errorf("%+v, want %v", out, h.Success)
			}
		}
		if n := b.sandbox.Calls(h.Company, sandbox.OpRefund); n != 4 || b.given() != 1000 {
			t.Errorf("%d calls gave back %d, want 4 and 1000", n, b.given())
		}
		want := int32(1)
		if runtime.GOOS != "linux" { // elsewhere no connection is used again
			want = 4
		}
		if n := connections.Load() - before; n != want {
			t.Errorf("over %d connections, want %d", n, want)
		}
	})
	t.Run("many at once: each once", func(t *testing.T) {
		b := h.bench(t)
		var all sync.WaitGroup
		for minor := int64(1); minor <= 8; minor++ {
			all.Go(func() {
				if out := b.refund(Attempt(h.Payment, minor*100, h.Currency)); out.Kind != h.Success {
					t.Errorf("%+v, want %v", out, h.Success)
				}
			})
		}
		all.Wait()
		if n := b.sandbox.Calls(h.Company, sandbox.OpRefund); n != 8 || b.given() != 3600 {
			t.Errorf("%d calls gave back %d, want 8 and 3600", n, b.given())
		}
	})
}

// nothingSent are the failures that prove that nothing happened.
func (h Harness) nothingSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, base := range map[string]func(string) string{
		"connection refused: unavailable": func(string) string { return "http://" + closed.Addr().String() },
		"no such host: unavailable":       func(string) string { return "http://no-such-host.invalid" },
		"TLS fails: unavailable":          func(u string) string { return strings.Replace(u, "http://", "https://", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			b := h.bench(t, func(s *providers.Settings) {
				u, err := url.Parse(base(s.BaseURL.String()))
				if err != nil {
					t.Fatal(err)
				}
				s.BaseURL = u
			})
			if out := b.refund(b.attempt()); out.Kind != providers.Unavailable {
				t.Errorf("refund: %+v, want unavailable", out)
			}
			_, err := b.status(context.Background())
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) || lookup.Kind != providers.Unavailable {
				t.Errorf("lookup: %v, want unavailable", err)
			}
			if b.given() != 0 {
				t.Errorf("gave back %d", b.given())
			}
		})
	}
	for name, deadline := range map[string]time.Time{
		"deadline past: unavailable": time.Now().Add(-time.Second),
		"no deadline: unavailable":   {},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.bench(t)
			_, _ = b.status(context.Background()) // so that a token and a kept connection are there
			at := b.attempt()
			at.Deadline = deadline
			if out := b.refund(at); out.Kind != providers.Unavailable || out.Code != providers.CodeTooLate {
				t.Errorf("%+v, want unavailable, too late", out)
			}
			if n := b.sandbox.Calls(h.Company, sandbox.OpRefund); n != 0 {
				t.Errorf("%d refunds left, want none", n)
			}
		})
	}
	t.Run("caller gave up before: unavailable", func(t *testing.T) {
		b := h.bench(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if out := b.account.Refund(ctx, b.attempt()); out.Kind != providers.Unavailable || b.sandbox.Calls(h.Company, sandbox.OpRefund) != 0 {
			t.Errorf("%+v, want nothing sent", out)
		}
	})
}
