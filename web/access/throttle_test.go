package access_test

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/htpasswd"
	"refundworker/internal/redistest"
	"refundworker/web/access"
)

func TestTriesOfOneNameAreCountedOverAllWorkers(t *testing.T) {
	server := redistest.Start(t)
	s := newSite(t)
	pods := []http.Handler{s.pod(connect(t, server)), s.pod(connect(t, server))}
	refused := 0
	for i := range 14 {
		b := s.browser()
		b.handler = pods[i%2]
		b.from = []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"}[i%3]
		switch w := b.try("ann", "wrong"); {
		case w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "":
			refused++
		case w.Code != http.StatusForbidden:
			t.Fatalf("try %d: %d %s", i, w.Code, w.Body)
		}
	}
	// Ten at once and two a minute; the test takes less than a minute and a half.
	if refused < 1 || refused > 4 {
		t.Errorf("%d of 14 tries were refused, want 4, or a little fewer on a slow machine", refused)
	}
	s.wantLogged("login failed", map[string]any{"why": "too many tries", "person": "ann"})
}

func connect(t *testing.T, server *redistest.Server) redis.UniversalClient { return server.Client(t) }

// flood tries a person's name until no more tries are taken.
func (s *site) flood(name, from string) {
	s.t.Helper()
	for range 11 {
		b := s.browser()
		b.from = from
		if b.try(name, "wrong").Code == http.StatusTooManyRequests {
			return
		}
	}
	s.t.Fatal("eleven tries were taken")
}

func TestAFloodDoesNotKeepAPersonOutOfTheirOwnBrowser(t *testing.T) {
	s := newSite(t)
	own := s.as("ann")
	delete(own.cookies, "__Host-refunds") // closed and opened again
	s.flood("ann", own.from)
	if w := own.try("ann", "ann-pass"); w.Code != http.StatusSeeOther {
		t.Errorf("kept out of her own browser: %d", w.Code)
	}
	s.wantLogged("logged in", map[string]any{"person": "ann", "known_browser": true})
	// Another person's browser is no help with ann's name.
	bobs := s.as("bob")
	delete(bobs.cookies, "__Host-refunds")
	if w := bobs.try("ann", "ann-pass"); w.Code != http.StatusTooManyRequests {
		t.Errorf("bob's browser: %d", w.Code)
	}
}

func TestAFloodKeepsNobodyOutForLong(t *testing.T) {
	s := newSite(t)
	s.flood("ann", "192.0.2.1:1")
	if w := s.browser().try("ann", "ann-pass"); w.Code != http.StatusTooManyRequests {
		t.Errorf("got %d", w.Code)
	}
	s.pass(31 * time.Second)
	if w := s.browser().try("ann", "ann-pass"); w.Code != http.StatusSeeOther {
		t.Errorf("half a minute later: got %d", w.Code)
	}
}

func TestABrowserThatIsKnownHasItsOwnFewTries(t *testing.T) {
	s := newSite(t)
	own := s.as("ann")
	delete(own.cookies, "__Host-refunds")
	for range 10 {
		own.try("ann", "wrong")
	}
	if w := own.try("ann", "ann-pass"); w.Code != http.StatusTooManyRequests {
		t.Errorf("got %d", w.Code)
	}
	if w := s.browser().try("ann", "ann-pass"); w.Code != http.StatusSeeOther {
		t.Errorf("from elsewhere: got %d", w.Code)
	}
}

func TestTriesFromOneAddressAreCountedForAllNames(t *testing.T) {
	s := newSite(t)
	for i := range 31 {
		b := s.browser()
		b.from = "[2001:db8::" + string(rune('a'+i%6)) + "]:1" // one household
		w := b.try("nobody"+string(rune('a'+i)), "wrong")
		if want := i == 30; (w.Code == http.StatusTooManyRequests) != want {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	b := s.browser()
	b.from = "[2001:db8:0:1::1]:1"
	if w := b.try("ann", "ann-pass"); w.Code != http.StatusSeeOther {
		t.Errorf("from another address: %d", w.Code)
	}
}

func TestAtMostTwoPasswordsAreComparedAtOnce(t *testing.T) {
	s := newSite(t)
	rdb := s.client()
	guard, err := access.New(access.Options{Web: s.web, Listen: ":8080", Redis: func() redis.UniversalClient { return rdb }})
	if err != nil {
		t.Fatal(err)
	}
	var now, most atomic.Int32
	entered, release := make(chan struct{}, 6), make(chan struct{})
	guard.CheckBy(func(*htpasswd.File, string, string) bool {
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		entered <- struct{}{}
		<-release
		now.Add(-1)
		return true
	})
	s.handler = guard.Protect(pages{guard: guard})
	var all sync.WaitGroup
	for _, name := range []string{"ann", "bob", "eve", "ann", "bob", "eve"} {
		all.Go(func() {
			if w := s.browser().try(name, "x"); w.Code != http.StatusSeeOther {
				t.Errorf("%s: got %d", name, w.Code)
			}
		})
	}
	<-entered
	<-entered
	for range 100 { // time for the others to come as far
		s.store.Keys()
		runtime.Gosched()
	}
	close(release)
	all.Wait()
	if most.Load() != 2 {
		t.Errorf("%d at once", most.Load())
	}
}
