package access_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestASessionLastsWhileItIsUsedAndNotForEver(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	for range 14 { // eleven hours and forty minutes
		s.pass(50 * time.Minute)
		if !b.in("ann") {
			t.Fatalf("out at %s, although it was used", s.now)
		}
	}
	s.pass(20 * time.Minute) // past the twelve hours
	if b.in("ann") {
		t.Error("in after the session's end")
	}
}

func TestASessionEndsWithoutUse(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	s.pass(59 * time.Minute)
	script := *b
	script.headers = map[string]string{"Sec-Fetch-Dest": "empty"}
	if !script.in("ann") {
		t.Fatal("out too early")
	}
	s.pass(2 * time.Minute)
	if b.in("ann") {
		t.Error("a page that was left open, and refreshes itself, keeps its person logged in")
	}
	if w := script.get("/"); w.Code != http.StatusUnauthorized {
		t.Errorf("a page's script is sent to the login: %d", w.Code)
	}
}

func TestASessionHoldsInEveryWorker(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	b.handler = s.pod(s.client())
	if w := b.act(); w.Code != 200 || w.Body.String() != "POST ann operator" {
		t.Errorf("the other worker says %d %s", w.Code, w.Body)
	}
}

func TestWhoIsTakenOutOfTheFileIsOutAtOnce(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann"), s.as("bob")
	s.people("bob", bobHash)
	if ann.in("ann") || !bob.in("bob") {
		t.Errorf("ann is in: %t, bob: %t", ann.in("ann"), bob.in("bob"))
	}
	s.people("ann", annHash, "bob", otherHash)
	if bob.in("bob") {
		t.Error("a session outlives the password it began with")
	}
	if w := s.browser().try("bob", "bob-pass"); w.Code != http.StatusSeeOther {
		t.Errorf("the new password lets nobody in: %d", w.Code)
	}
}

func TestWhoLosesARoleLosesItAtOnce(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	s.web.Operators, s.web.Viewers = nil, []string{"ann"}
	b.handler = s.pod(s.client()) // as after a restart with another configuration
	if w := b.get("/"); w.Body.String() != "GET ann viewer" {
		t.Errorf("got %q", w.Body)
	}
	s.web.Viewers = nil
	b.handler = s.pod(s.client())
	if w := b.get("/"); w.Code != http.StatusForbidden {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestAFileThatCanNotBeReadLetsNobodyIn(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	if err := os.Rename(s.file, s.file+".away"); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", "/login"} {
		if w := b.get(target); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "password file") {
			t.Errorf("%s: got %d %s", target, w.Code, w.Body)
		}
	}
	if n := s.log.FilterMessageSnippet("the password file can't be read").Len(); n != 1 {
		t.Errorf("%d lines in the log, want one", n)
	}
	if err := os.Rename(s.file+".away", s.file); err != nil {
		t.Fatal(err)
	}
	if !b.in("ann") {
		t.Error("the session is lost, although the file is back")
	}
}

func TestAnEntryThatIsSpoiledLaterCountsForNobody(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann"), s.as("bob")
	s.people("ann", "$apr1$ZjTqBB3f$IF9gdYAGlMrs2fuINjHsz.", "bob", bobHash)
	if ann.in("ann") || !bob.in("bob") {
		t.Errorf("ann is in: %t, bob: %t", ann.in("ann"), bob.in("bob"))
	}
	if n := s.log.FilterMessage("an entry of the password file is not accepted").Len(); n != 1 {
		t.Errorf("%d lines in the log, want one", n)
	}
}

func TestWithoutRedisNobodyIsLetIn(t *testing.T) {
	s := newSite(t)
	b := s.as("ann")
	s.store.Close()
	if w := b.get("/"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Redis") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	b.handler = s.pod(nil)
	if w := b.get("/"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "not reached Redis yet") {
		t.Errorf("before Redis is reached: got %d %s", w.Code, w.Body)
	}
}

func TestAGuessedKeyOpensNothing(t *testing.T) {
	s := newSite(t)
	s.as("ann")
	for _, key := range append(s.store.Keys(), strings.Repeat("A", 43), "", "*", strings.Repeat("A", 10000)) {
		b := s.browser()
		b.cookies["__Host-refunds"] = strings.TrimPrefix(key, "refunds:session:")
		if b.in("ann") {
			t.Errorf("%q opens the pages", key)
		}
	}
}
