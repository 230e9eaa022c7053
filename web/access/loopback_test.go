package access_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"refundworker/config"
	"refundworker/web/access"
)

// pages answers with who is asking, and with the token of its forms.
type pages struct {
	guard  *access.Guard
	status int // that it answers with; 0: OK
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, operator := p.guard.Person(r)
	w.Header().Set("X-Token", p.guard.Token(r))
	w.Header().Set("X-May-Log-Out", strconv.FormatBool(p.guard.MayLogOut(r)))
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	role := "viewer"
	if operator {
		role = "operator"
	}
	_, _ = io.WriteString(w, r.Method+" "+name+" "+role)
}

func open(t *testing.T, web config.Web, listen string) http.Handler {
	t.Helper()
	guard, err := access.New(access.Options{Web: web, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	return guard.Protect(pages{guard: guard})
}

func loopback(t *testing.T) http.Handler {
	return open(t, config.Web{Enabled: true}, "127.0.0.1:8080")
}

func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "127.0.0.1:8080"
	return r
}

func post(path string, form url.Values) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Host = "127.0.0.1:8080"
	return r
}

func TestOnLoopbackEverybodyActsWithoutALogin(t *testing.T) {
	h := loopback(t)
	page := ask(h, get("/"))
	if page.Code != 200 || page.Body.String() != "GET  operator" {
		t.Fatalf("got %d %q", page.Code, page.Body)
	}
	act := post("/refunds/x/cancel", url.Values{"csrf": {page.Header().Get("X-Token")}})
	for _, c := range page.Result().Cookies() {
		act.AddCookie(c)
	}
	if w := ask(h, act); w.Code != 200 || w.Body.String() != "POST  operator" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestPagesThatAreOffSayWhatToConfigure(t *testing.T) {
	for name, c := range map[string]struct {
		web    config.Web
		listen string
		status int
		say    string
	}{
		"turned off":                        {config.Web{}, "127.0.0.1:8080", 404, "web.enabled"},
		"all interfaces without a login":    {config.Web{Enabled: true}, ":8080", 403, "web.login"},
		"another address without a login":   {config.Web{Enabled: true}, "10.0.0.7:8080", 403, "web.login"},
		"the unspecified one without login": {config.Web{Enabled: true}, "[::]:8080", 403, "web.login"},
	} {
		for _, r := range []*http.Request{get("/"), post("/x", nil)} {
			if w := ask(open(t, c.web, c.listen), r); w.Code != c.status || !strings.Contains(w.Body.String(), c.say) {
				t.Errorf("%s: %s: got %d %q", name, r.Method, w.Code, w.Body)
			}
		}
	}
}

func TestWhatAProxyPassedOnNeedsALogin(t *testing.T) {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Anything", "X-Real-IP", "Via"} {
		for _, r := range []*http.Request{get("/"), post("/x", nil)} {
			r.Header.Set(header, "")
			if w := ask(loopback(t), r); w.Code != 403 || !strings.Contains(w.Body.String(), "web.login") {
				t.Errorf("%s: %s: got %d %q", r.Method, header, w.Code, w.Body)
			}
		}
	}
}

// A proxy that says nothing can't be told from a browser of this machine, so
// where there must be one the pages are off.
func TestOnLoopbackBehindAPublicAddressThePagesNeedALogin(t *testing.T) {
	for name, c := range map[string]struct {
		public bool
		status int
		level  zapcore.Level
		says   string
	}{
		"public":       {true, 403, zapcore.WarnLevel, "the web pages are off: a callback_url leads here"},
		"this machine": {false, 200, zapcore.InfoLevel, "the web pages are open to everybody on this machine"},
	} {
		core, log := observer.New(zapcore.DebugLevel)
		guard, err := access.New(access.Options{Web: config.Web{Enabled: true}, Listen: "127.0.0.1:8080", Public: c.public, Log: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		h := guard.Protect(pages{guard: guard})
		for range 2 {
			if w := ask(h, get("/")); w.Code != c.status || c.status != 200 && !strings.Contains(w.Body.String(), "configure web.login") {
				t.Errorf("%s: got %d %q", name, w.Code, w.Body)
			}
		}
		if all := log.All(); len(all) != 1 || all[0].Level != c.level || !strings.HasPrefix(all[0].Message, c.says) {
			t.Errorf("%s: the log says %v", name, all)
		}
	}
}

func TestHostOfAnotherNameIsRefusedOnLoopback(t *testing.T) {
	for host, status := range map[string]int{
		"127.0.0.1:8080": 200, "localhost": 200, "LocalHost:9000": 200, "[::1]:8080": 200, "[::1]": 200, "127.8.9.1:80": 200,
		"rebound.example:8080": 403, "127.0.0.1.example": 403, "localhost.example": 403, "10.0.0.7": 403, "": 403, "[::1": 403,
		"0.0.0.0:8080": 403, "2130706433": 403, "[::ffff:127.0.0.1]:8080": 200,
	} {
		r := get("/")
		r.Host = host
		if w := ask(loopback(t), r); w.Code != status {
			t.Errorf("%q: got %d, want %d", host, w.Code, status)
		}
	}
}
