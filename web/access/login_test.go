package access_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestTheRightPasswordBeginsASession(t *testing.T) {
	s := newSite(t)
	s.bcrypt = true
	s.handler = s.pod(s.client())
	b := s.browser()
	if w := b.get("/refunds/x?page=2"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?next=%2Frefunds%2Fx%3Fpage%3D2" {
		t.Errorf("a stranger is not sent to the login: %d %s", w.Code, w.Header().Get("Location"))
	}
	w := b.try("ann", "ann-pass")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/review" {
		t.Fatalf("got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	cookies := w.Header().Values("Set-Cookie")
	if len(cookies) != 2 {
		t.Errorf("got the cookies %q", cookies)
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c, "__Host-refunds") || !strings.Contains(c, "; HttpOnly") || !strings.Contains(c, "; Secure") ||
			!strings.Contains(c, "; SameSite=Lax") || !strings.Contains(c, "; Path=/") || strings.Contains(c, "Domain") {
			t.Errorf("cookie %q", c)
		}
	}
	if w := b.get("/"); w.Body.String() != "GET ann operator" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	s.wantLogged("logged in", map[string]any{"person": "ann", "from": "198.51.100.7", "known_browser": false})
	if w := b.get("/login?next=/review"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/review" {
		t.Errorf("who is logged in is asked again: %d", w.Code)
	}
}

func TestAWrongPasswordAndAnUnknownNameAreOneAnswer(t *testing.T) {
	s := newSite(t)
	s.bcrypt = true
	s.handler = s.pod(s.client())
	answers := map[string]string{}
	for name, password := range map[string]string{"ann": "bob-pass", "zoe": "zoe-pass"} {
		b := s.browser()
		w := b.try(name, password)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "The name or the password is wrong.") || b.in(name) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		answers[name] = strings.ReplaceAll(hidden.ReplaceAllString(w.Body.String(), ""), name, "NAME")
	}
	if answers["ann"] != answers["zoe"] {
		t.Errorf("the answers differ:\n%s\n%s", answers["ann"], answers["zoe"])
	}
	s.wantLogged("login failed", map[string]any{"person": "ann", "why": "name or password is wrong"})
	s.wantLogged("login failed", map[string]any{"person": "(unknown)", "why": "name or password is wrong"})
}

func TestNoPasswordAndNoKeyIsLoggedOrKept(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.try("ann", "wrong-s3cret")
	b.try("typed-s3cret-as-name", "x")
	b = s.as("ann")
	var all strings.Builder
	for _, e := range s.log.All() {
		fmt.Fprintln(&all, e.Message, e.ContextMap())
	}
	all.WriteString(s.store.Dump())
	for _, secret := range []string{"s3cret", "ann-pass", b.cookies["__Host-refunds"], b.cookies["__Host-refunds-device"], annHash} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%q is in the log or in Redis", secret)
		}
	}
	if !slices.ContainsFunc(s.store.Keys(), func(k string) bool { return strings.HasPrefix(k, "refunds:session:") }) {
		t.Errorf("no session in Redis: %q", s.store.Keys())
	}
}

func TestASessionThatWasPlantedBeforeTheLoginIsWorthNothing(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	attacker.get("/login")
	victim := s.browser()
	victim.cookies["__Host-refunds"] = attacker.cookies["__Host-refunds"]
	if w := victim.try("ann", "ann-pass"); w.Code != http.StatusSeeOther {
		t.Fatalf("got %d", w.Code)
	}
	if !victim.in("ann") || attacker.in("ann") {
		t.Errorf("victim is in: %t, attacker: %t", victim.in("ann"), attacker.in("ann"))
	}
}

func TestALoginMustComeFromOurForm(t *testing.T) {
	s := newSite(t)
	right := url.Values{"name": {"ann"}, "password": {"ann-pass"}, "next": {"/"}}
	for name, prepare := range map[string]func(b *browser, form url.Values){
		"without a token":           func(b *browser, form url.Values) { b.get("/login") },
		"with another browser's":    func(b *browser, form url.Values) { b.get("/login"); form.Set("csrf", token(s.browser())) },
		"with the token, no cookie": func(b *browser, form url.Values) { form.Set("csrf", token(b)); clear(b.cookies) },
		"from another site's page": func(b *browser, form url.Values) {
			form.Set("csrf", token(b))
			b.headers["Sec-Fetch-Site"] = "cross-site"
		},
		"from a sibling domain": func(b *browser, form url.Values) {
			form.Set("csrf", token(b))
			b.headers["Sec-Fetch-Site"] = "same-site"
		},
		"of another origin by Origin": func(b *browser, form url.Values) {
			form.Set("csrf", token(b))
			b.headers["Origin"] = "https://evil.example"
		},
	} {
		b, form := s.browser(), url.Values{}
		for k, v := range right {
			form[k] = v
		}
		prepare(b, form)
		if w := b.post("/login", form); w.Code != http.StatusForbidden || b.in("ann") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func token(b *browser) string {
	return hidden.FindStringSubmatch(b.get("/login").Body.String())[1]
}

func TestAfterALoginNobodyIsSentElsewhere(t *testing.T) {
	b := newSite(t).as("ann") // who is logged in already is sent on at once, by the same rule
	for next, want := range map[string]string{
		"/review": "/review", "/refunds/a.b-c?page=2": "/refunds/a.b-c?page=2", "/search?q=a%20b": "/search?q=a%20b", "/": "/", "": "/",
		"/asynqmon/queues": "/asynqmon/queues",
		"//evil.example":   "/", "///evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/", "/\t/evil.example": "/", "/\n/evil.example": "/",
		"https://evil.example/": "/", "javascript:alert(1)": "/", "evil.example": "/", " //evil.example": "/", "/%5Cevil.example": "/",
		"/%2F/evil.example": "/", "/..//evil.example": "/evil.example", "/login": "/", "/logout": "/", "/\u00a0/evil.example": "/",
		"/\r\nSet-Cookie: a=b": "/", "/review#//evil.example": "/review", "http:/review": "/", "/" + strings.Repeat("x", 1000): "/",
		"//user@evil.example/": "/", "/@evil.example": "/@evil.example",
	} {
		w := b.get("/login?" + url.Values{"next": {next}}.Encode())
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%q: got %d to %q, want %q", next, w.Code, got, want)
		}
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	s := newSite(t)
	b := s.as("bob")
	stolen := s.browser()
	stolen.cookies["__Host-refunds"] = b.cookies["__Host-refunds"]
	if w := b.get("/logout"); w.Code != http.StatusSeeOther || !b.in("bob") {
		t.Errorf("a link logs people out: %d", w.Code)
	}
	if w := b.post("/logout", url.Values{"csrf": {"x"}}); w.Code != http.StatusForbidden || !b.in("bob") {
		t.Errorf("another site's page logs people out: %d", w.Code)
	}
	w := b.post("/logout", url.Values{"csrf": {b.get("/").Header().Get("X-Token")}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?out" || b.in("bob") || stolen.in("bob") {
		t.Errorf("got %d to %s; still in: %t, a copy of the cookie: %t", w.Code, w.Header().Get("Location"), b.in("bob"), stolen.in("bob"))
	}
	s.wantLogged("logged out", map[string]any{"person": "bob"})
}
