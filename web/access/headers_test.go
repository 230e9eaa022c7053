package access_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := newSite(t)
	ann, eve := s.as("ann"), s.as("eve")
	for name, h := range map[string]http.Header{
		"a page":         ann.get("/").Header(),
		"the login":      s.browser().get("/login").Header(),
		"a failed login": s.browser().try("ann", "wrong").Header(),
		"a redirect":     s.browser().get("/").Header(),
		"a refused form": ann.post("/x", nil).Header(),
		"not for you":    eve.get("/").Header(),
		"wrong method":   s.browser().do("PUT", "/login", nil).Header(),
		"on loopback":    ask(loopback(t), get("/")).Header(),
		"a strange host": ask(loopback(t), request("127.0.0.1:1", nil)).Header(),
		"pages are off":  ask(open(t, s.web, ":8080"), request("127.0.0.1:1", nil)).Header(),
		"a page's script": func() http.Header {
			if w := s.browser().do("OPTIONS", "/assets/style.css", nil); w.Code == http.StatusOK {
				t.Errorf("OPTIONS: got %d", w.Code)
			}
			b := s.browser()
			b.headers["Sec-Fetch-Dest"] = "empty"
			return b.get("/").Header()
		}(),
	} {
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store"} {
			if got := h.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
			"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", name, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy %q lets too much through", name, policy)
		}
	}
}

func TestTheLoginPageNeedsNoScriptAndNamesItsFields(t *testing.T) {
	s := newSite(t)
	page := s.browser().get("/login").Body.String()
	for _, want := range []string{`<html lang="en">`, "<main ", "<h1>Log in</h1>", `<label for="name">`, `<label for="password">`, `method="post"`,
		`autocomplete="username"`, `autocomplete="current-password"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("the page has a script")
	}
}

func TestHostileTextIsShownAsText(t *testing.T) {
	s := newSite(t)
	w := s.browser().try(`"><script>alert(1)</script>`, "x")
	if body := w.Body.String(); strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("got %s", body)
	}
}

func TestOnlyAssetsAreSeenWithoutALogin(t *testing.T) {
	s := newSite(t)
	for path, status := range map[string]int{
		"/assets/style.css": 200, "/assets/": 303, "/assets": 303, "/assets/../refunds/x": 303, "/assets/%2e%2e/refunds/x": 303, "/assets//style.css": 303, "/assets/foo/bar": 303, "/assets/foo%2Fbar": 303, "/assets/%2e": 303, "/assetsx": 303,
	} {
		if w := s.browser().get(path); w.Code != status {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	if w := s.browser().post("/assets/style.css", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("a POST: got %d", w.Code)
	}
	b := s.browser()
	if w := b.get("/assets/style.css"); w.Body.String() != "GET  viewer" {
		t.Errorf("got %q", w.Body)
	}
}
