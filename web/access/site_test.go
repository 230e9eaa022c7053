package access_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"refundworker/config"
	"refundworker/htpasswd"
	"refundworker/web/access"
)

// The passwords are ann-pass, bob-pass and eve-pass; the last hash is of another.
const (
	annHash   = "$2a$10$1oRGdIwJ6d9Sr3vYWom.rOyulg3eY0fKFB/0CRJUCUb1R.IOWyRO6"
	bobHash   = "$2a$10$z/ApNUVhpp2PbdGAUr468OldeJUah01erKkQIxtIvccmJYRyVFaWG"
	eveHash   = "$2a$10$e4o2mphIwPmEzXaAIjTig.OWL3E6BTevxTBmViYx6.uQMsqiXKSdS"
	otherHash = "$2a$10$JZTEruNOxlNSiP67ewyNbe6GftSjtJ.s0rhaPFXFbuBO8O5rVBYoy"
)

// site is guarded pages with a login: ann operates, bob views, eve has a
// password and nothing else.
type site struct {
	t       *testing.T
	handler http.Handler
	store   *miniredis.Miniredis
	web     config.Web
	file    string // with the passwords
	now     time.Time
	log     *observer.ObservedLogs
	core    zapcore.Core
	status  int  // that the pages answer with; 0: OK
	bcrypt  bool // compares passwords really, which takes its time
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, store: miniredis.RunT(t), file: filepath.Join(t.TempDir(), "htpasswd"), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.core, s.log = observer.New(zapcore.DebugLevel)
	s.store.SetTime(s.now)
	s.people("ann", annHash, "bob", bobHash, "eve", eveHash)
	s.web = config.Web{Enabled: true, Operators: config.People{"ann"}, Viewers: config.People{"bob"},
		Login: config.Login{Htpasswd: s.file, Session: 12 * time.Hour, Idle: time.Hour, SecureCookies: true}}
	s.handler = s.pod(s.client())
	return s
}

// people writes the password file.
func (s *site) people(entries ...string) {
	s.t.Helper()
	var b strings.Builder
	for i := 0; i < len(entries); i += 2 {
		b.WriteString(entries[i] + ":" + entries[i+1] + "\n")
	}
	if err := os.WriteFile(s.file, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.store.Addr(), MaxRetries: -1})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// pod returns the pages of one worker.
func (s *site) pod(rdb redis.UniversalClient) http.Handler {
	s.t.Helper()
	guard, err := access.New(access.Options{Web: s.web, Listen: ":8080", Log: zap.New(s.core),
		Redis: func() redis.UniversalClient { return rdb }, Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	if !s.bcrypt {
		guard.CheckBy(func(file *htpasswd.File, name, password string) bool {
			return file.Mark(name) != "" && password == name+"-pass"
		})
	}
	return guard.Protect(pages{guard, s.status})
}

// pass lets time go by.
func (s *site) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.store.SetTime(s.now)
	s.store.FastForward(d)
}

// browser keeps cookies, as one that talks https to refunds.example.
type browser struct {
	s       *site
	handler http.Handler
	from    string
	cookies map[string]string
	headers map[string]string
}

func (s *site) browser() *browser {
	return &browser{s: s, handler: s.handler, from: "198.51.100.7:4711", cookies: map[string]string{}, headers: map[string]string{}}
}

func (b *browser) do(method, target string, form url.Values) *httptest.ResponseRecorder {
	b.s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Host, r.RemoteAddr = "refunds.example", b.from
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := ask(b.handler, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

func (b *browser) get(target string) *httptest.ResponseRecorder { return b.do("GET", target, nil) }

func (b *browser) post(target string, form url.Values) *httptest.ResponseRecorder {
	return b.do("POST", target, form)
}

var hidden = regexp.MustCompile(`name="csrf" value="([^"]*)"`)

// try logs in by the form.
func (b *browser) try(name, password string) *httptest.ResponseRecorder {
	b.s.t.Helper()
	m := hidden.FindStringSubmatch(b.get("/login?next=/review").Body.String())
	if m == nil {
		b.s.t.Fatal("the login page has no token")
	}
	return b.post("/login", url.Values{"csrf": {m[1]}, "next": {"/review"}, "name": {name}, "password": {password}})
}

// as is a browser in which that person has logged in.
func (s *site) as(name string) *browser {
	s.t.Helper()
	b := s.browser()
	if w := b.try(name, name+"-pass"); w.Code != http.StatusSeeOther {
		s.t.Fatalf("login of %s: %d %s", name, w.Code, w.Body)
	}
	return b
}

// act sends a form of the page.
func (b *browser) act() *httptest.ResponseRecorder {
	b.s.t.Helper()
	return b.post("/refunds/x/cancel", url.Values{"csrf": {b.get("/").Header().Get("X-Token")}})
}

// in reports whether the browser sees the pages as that person.
func (b *browser) in(name string) bool {
	b.s.t.Helper()
	w := b.get("/")
	return w.Code == 200 && strings.HasPrefix(w.Body.String(), "GET "+name+" ")
}

func (s *site) wantLogged(message string, fields map[string]any) {
	s.t.Helper()
	for _, e := range s.log.FilterMessage(message).All() {
		got := e.ContextMap()
		maps.DeleteFunc(got, func(k string, _ any) bool { _, asked := fields[k]; return !asked })
		if maps.Equal(got, fields) {
			return
		}
	}
	s.t.Errorf("no line %q with %v in the log: %v", message, fields, s.log.FilterMessage(message).All())
}
