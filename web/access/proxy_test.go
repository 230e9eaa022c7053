package access_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"refundworker/config"
)

// behindProxy is a site where a proxy at 10.0.0.0/8 logs people in.
func behindProxy(t *testing.T, form bool) *site {
	s := newSite(t)
	s.web.Login.Proxy = config.Proxy{Header: "X-Auth-Request-User", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/16")}}
	if !form {
		s.web.Login.Htpasswd = ""
	}
	s.handler = s.pod(nil) // Redis is not asked
	return s
}

func request(from string, header http.Header) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Host = from, "refunds.example"
	for name, values := range header {
		r.Header[name] = values
	}
	return r
}

func TestTheProxysWordIsTakenFromItsAddressesOnly(t *testing.T) {
	const header = "X-Auth-Request-User"
	for name, c := range map[string]struct {
		from   string
		header http.Header
		want   string // the page, or a piece of the refusal
		status int
	}{
		"an operator":              {"10.1.2.3:99", http.Header{header: {"ann"}}, "GET ann operator", 200},
		"a viewer":                 {"10.1.2.3:99", http.Header{header: {"bob"}}, "GET bob viewer", 200},
		"over IPv6":                {"[fd00::1]:99", http.Header{header: {"ann"}}, "GET ann operator", 200},
		"IPv4 written as IPv6":     {"[::ffff:10.1.2.3]:99", http.Header{header: {"ann"}}, "GET ann operator", 200},
		"another address":          {"192.0.2.1:99", http.Header{header: {"ann"}}, "believed only from", 403},
		"just outside":             {"11.0.0.0:99", http.Header{header: {"ann"}}, "believed only from", 403},
		"an address it pretends":   {"192.0.2.1:99", http.Header{header: {"ann"}, "X-Forwarded-For": {"10.1.2.3"}, "X-Real-Ip": {"10.1.2.3"}, "Forwarded": {"for=10.1.2.3"}}, "believed only from", 403},
		"an address nobody has":    {"@", http.Header{header: {"ann"}}, "believed only from", 403},
		"two names":                {"10.1.2.3:99", http.Header{header: {"ann", "bob"}}, "does not hold one name", 403},
		"one name twice":           {"10.1.2.3:99", http.Header{header: {"ann", "ann"}}, "does not hold one name", 403},
		"two in one":               {"10.1.2.3:99", http.Header{header: {"bob,ann"}}, "does not hold one name", 403},
		"an empty name":            {"10.1.2.3:99", http.Header{header: {""}}, "does not hold one name", 403},
		"everybody":                {"10.1.2.3:99", http.Header{header: {"*"}}, "does not hold one name", 403},
		"a name with a space":      {"10.1.2.3:99", http.Header{header: {"ann "}}, "does not hold one name", 403},
		"no header":                {"10.1.2.3:99", nil, "Log in first", 403},
		"a header like it":         {"10.1.2.3:99", http.Header{"X_auth_request_user": {"ann"}, "X-Auth-Request-User2": {"ann"}}, "Log in first", 403},
		"somebody it may not show": {"10.1.2.3:99", http.Header{header: {"eve"}}, "web.viewers", 403},
	} {
		w := ask(behindProxy(t, false).handler, request(c.from, c.header))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %q, want %d %q", name, w.Code, w.Body, c.status, c.want)
		}
	}
}

func TestAForgedHeaderIsNotTakenBesideTheFormEither(t *testing.T) {
	s := behindProxy(t, true)
	w := ask(s.handler, request("192.0.2.1:99", http.Header{"X-Auth-Request-User": {"ann"}}))
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	s.wantLogged("page refused", map[string]any{"from": "192.0.2.1", "why": "the proxy's header comes from an address that is not in web.login.proxy.from"})
	if w := ask(s.handler, request("192.0.2.1:99", nil)); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login") {
		t.Errorf("without it: got %d %s", w.Code, w.Body)
	}
}

func TestAnActionBehindAProxyNeedsTheTokenToo(t *testing.T) {
	s := behindProxy(t, false)
	b := s.browser()
	b.from, b.headers["X-Auth-Request-User"] = "10.1.2.3:99", "ann"
	if w := b.act(); w.Code != 200 || w.Body.String() != "POST ann operator" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if out := b.get("/").Header().Get("X-May-Log-Out"); out != "false" {
		t.Errorf("may log out of the proxy: %s", out)
	}
	if w := b.post("/refunds/x/cancel", url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("without the token: got %d", w.Code)
	}
	right := b.get("/").Header().Get("X-Token")
	b.headers["X-Auth-Request-User"] = "bob"
	b.s.web.Operators = []string{"ann", "bob"}
	b.handler = s.pod(nil)
	if w := b.post("/refunds/x/cancel", url.Values{"csrf": {right}}); w.Code != http.StatusForbidden {
		t.Errorf("with the token of who used the browser before: got %d", w.Code)
	}
	if w := b.post("/logout", url.Values{"csrf": {b.get("/").Header().Get("X-Token")}}); w.Code != http.StatusConflict {
		t.Errorf("logout: got %d %s", w.Code, w.Body)
	}
}
