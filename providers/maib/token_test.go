package maib_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/providertest"
)

const created = `{"result":{"refundId":"` + refundID + `","status":"Created"},"ok":true,"errors":null}`

// gate hands out tokens t1, t2, … that live so long, and takes the ones that are
// not in refused.
type gate struct {
	life    string
	refused sync.Map
	tokens  atomic.Int32
	others  atomic.Int32
}

func (g *gate) answer(_ int, r *http.Request) providertest.Reply {
	if r.URL.Path == "/v2/auth/token" {
		return ok(fmt.Sprintf(`{"result":{"accessToken":"t%d","expiresIn":%s},"ok":true}`, g.tokens.Add(1), g.life))
	}
	g.others.Add(1)
	if _, refused := g.refused.Load(r.Header.Get("Authorization")); refused {
		return providertest.Reply{Status: 401, Body: `{"errors":[{"errorCode":"11000","errorMessage":"m"}],"ok":false}`}
	}
	return ok(created)
}

func attempt() providers.Attempt { return providertest.Attempt(payID, 100, "MDL") }

func TestTokensAreKeptAsLongAsTheyAreGood(t *testing.T) {
	for _, tc := range []struct {
		life   string
		after  time.Duration
		tokens int32
	}{
		{"300", 269 * time.Second, 1},
		{"300", 271 * time.Second, 2}, // a tenth early
		{`"300"`, 269 * time.Second, 1},
		{"10", 4 * time.Second, 1},
		{"10", 5 * time.Second, 2}, // five seconds early at least
		{"3", 0, 2},
		{"0", 0, 2},
		{"-1", 0, 2},
		{`"soon"`, 0, 2},
		{"null", 0, 2},
	} {
		t.Run(fmt.Sprintf("expiresIn %s, used again after %v: %d tokens", tc.life, tc.after, tc.tokens), func(t *testing.T) {
			g := &gate{life: tc.life}
			start := time.Now()
			var past atomic.Int64
			a, _ := scripted(t, g.answer, func(s *providers.Settings) {
				s.Now = func() time.Time { return start.Add(time.Duration(past.Load())) }
			})
			for range 2 {
				at := attempt()
				at.Deadline = start.Add(time.Duration(past.Load()) + 10*time.Second)
				if out := a.Refund(context.Background(), at); out.Kind != providers.Accepted {
					t.Fatalf("%+v", out)
				}
				past.Store(int64(tc.after))
			}
			if n := g.tokens.Load(); n != tc.tokens {
				t.Errorf("%d tokens asked for, want %d", n, tc.tokens)
			}
		})
	}
}

func TestRefundIsNotRepeatedForAnOldToken(t *testing.T) {
	g := &gate{life: "300"}
	a, _ := scripted(t, g.answer)
	if out := a.Refund(context.Background(), attempt()); out.Kind != providers.Accepted {
		t.Fatalf("%+v", out)
	}
	g.refused.Store("Bearer t1", true)
	if out := a.Refund(context.Background(), attempt()); out.Kind != providers.Unavailable || out.Code != "11000" {
		t.Errorf("old token: %+v, want unavailable", out)
	}
	if n := g.others.Load(); n != 2 {
		t.Errorf("%d refunds sent, want 2", n)
	}
	if out := a.Refund(context.Background(), attempt()); out.Kind != providers.Accepted || g.tokens.Load() != 2 {
		t.Errorf("then: %+v with %d tokens, want accepted with a second token", out, g.tokens.Load())
	}
}

func TestLookupIsRepeatedOnceForAnOldToken(t *testing.T) {
	g := &gate{life: "300"}
	slots := 0
	a, _ := scripted(t, g.answer, func(s *providers.Settings) {
		s.Throttle = func(context.Context) error { slots++; return nil }
	})
	status := a.(providers.RefundStatuser)
	if _, err := status.RefundStatus(context.Background(), refundID); err != nil {
		t.Fatal(err)
	}
	g.refused.Store("Bearer t1", true)
	if _, err := status.RefundStatus(context.Background(), refundID); err != nil {
		t.Fatal(err)
	}
	if g.tokens.Load() != 2 || g.others.Load() != 3 || slots != 3 {
		t.Errorf("%d tokens, %d lookups, %d slots; want 2, 3 and one for each call beyond the two lookups", g.tokens.Load(), g.others.Load(), slots)
	}
	for i := range 10 {
		g.refused.Store(fmt.Sprintf("Bearer t%d", i), true)
	}
	_, err := status.RefundStatus(context.Background(), refundID)
	var lookup *providers.LookupError
	if !errors.As(err, &lookup) || lookup.Kind != providers.Misconfigured || g.others.Load() != 5 {
		t.Errorf("%v after %d lookups, want misconfigured after 5", err, g.others.Load())
	}
}

func TestNoTokenMeansNothingWasSent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		reply  providertest.Reply
		refund providers.Kind
		probe  providers.Kind
	}{
		{"credentials refused: misconfigured", providertest.Reply{Status: 401, Body: `{"errors":[{"errorCode":"11000","errorMessage":"bad cl1ent-s3cret"}],"ok":false}`}, providers.Misconfigured, providers.Misconfigured},
		{"bare 401: misconfigured", providertest.Reply{Status: 401}, providers.Misconfigured, providers.Misconfigured},
		{"server error: unavailable", providertest.Reply{Status: 500, Body: `{"errors":[{"errorCode":"10000"}],"ok":false}`}, providers.Unavailable, providers.Unknown},
		{"web page: unavailable", ok(`<html>`), providers.Unavailable, providers.Unknown},
		{"no token in it: unavailable", ok(`{"result":{},"ok":true}`), providers.Unavailable, providers.Unknown},
		{"token that fits no header: unavailable", ok(`{"result":{"accessToken":"a\r\nb","expiresIn":300},"ok":true}`), providers.Unavailable, providers.Unknown},
		{"ok false: unavailable", ok(`{"result":{"accessToken":"a","expiresIn":300},"ok":false}`), providers.Unavailable, providers.Unknown},
		{"429: rate limited", providertest.Reply{Status: 429, Header: http.Header{"Retry-After": {"3"}}}, providers.RateLimited, providers.RateLimited},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, w := scripted(t, func(int, *http.Request) providertest.Reply { return tc.reply })
			out := a.Refund(context.Background(), attempt())
			if out.Kind != tc.refund || strings.Contains(out.Message, "s3cret") {
				t.Errorf("refund: %+v, want %v", out, tc.refund)
			}
			var lookup *providers.LookupError
			if err := a.(providers.Prober).Probe(context.Background()); !errors.As(err, &lookup) || lookup.Kind != tc.probe {
				t.Errorf("probe: %v, want %v", err, tc.probe)
			}
			for _, r := range w.Requests() {
				if !strings.HasPrefix(r, "POST /v2/auth/token\n") {
					t.Errorf("sent %q", r)
				}
			}
		})
	}
}

func TestOneRenewalServesAllAndOutlivesWhoStartedIt(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	var tokens atomic.Int32
	a, _ := scripted(t, func(_ int, r *http.Request) providertest.Reply {
		if r.URL.Path == "/v2/auth/token" {
			if tokens.Add(1) == 1 {
				close(asked)
			}
			<-release
			return ok(tokenOK)
		}
		return ok(created)
	})
	first, cancel := context.WithCancel(context.Background())
	starter := make(chan providers.Outcome, 1)
	go func() { starter <- a.Refund(first, attempt()) }()
	<-asked
	others := make(chan providers.Outcome, 5)
	for range cap(others) {
		go func() { others <- a.Refund(context.Background(), attempt()) }()
	}
	cancel()
	if out := <-starter; out.Kind != providers.Unavailable {
		t.Errorf("the one that gave up: %+v, want unavailable", out)
	}
	close(release)
	for range cap(others) {
		if out := <-others; out.Kind != providers.Accepted {
			t.Errorf("one that waited: %+v, want accepted", out)
		}
	}
	if n := tokens.Load(); n != 1 {
		t.Errorf("%d tokens asked for, want 1", n)
	}
}

func TestProbeAsksForANewToken(t *testing.T) {
	g := &gate{life: "300"}
	a, _ := scripted(t, g.answer)
	for range 2 {
		if err := a.(providers.Prober).Probe(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if out := a.Refund(context.Background(), attempt()); out.Kind != providers.Accepted || g.tokens.Load() != 2 {
		t.Errorf("%+v with %d tokens, want accepted with the probe's token", out, g.tokens.Load())
	}
}
