package providertest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

// Reply is a canned answer. Status 0 means 200.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Wire is a provider that answers by script and keeps what it was asked, for
// tests of what exactly goes over the wire.
type Wire struct {
	server   *httptest.Server
	mu       sync.Mutex
	requests []string
}

// NewWire starts one. script gives the answer to the nth request, from 0.
func NewWire(t testing.TB, script func(n int, r *http.Request) Reply) *Wire {
	t.Helper()
	w := new(Wire)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.mu.Lock()
		n := len(w.requests)
		w.requests = append(w.requests, render(r, string(body)))
		w.mu.Unlock()
		reply := script(n, r)
		maps.Copy(rw.Header(), reply.Header)
		if reply.Status != 0 {
			rw.WriteHeader(reply.Status)
		}
		_, _ = io.WriteString(rw, reply.Body)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// Always answers every request with the same.
func Always(r Reply) func(int, *http.Request) Reply {
	return func(int, *http.Request) Reply { return r }
}

// Requests are the requests so far: request line, headers by name, body.
func (w *Wire) Requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Settings are settings for a driver that talks to this provider under path,
// with its options' defaults.
func (w *Wire) Settings(t testing.TB, d providers.Driver, path string, secrets map[string]string) providers.Settings {
	t.Helper()
	return SettingsFor(t, d, w.server.URL+path, secrets)
}

// SettingsFor are settings for a driver at a base URL, with its options'
// defaults.
func SettingsFor(t testing.TB, d providers.Driver, base string, secrets map[string]string) providers.Settings {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	s := providers.Settings{Name: d.Name(), BaseURL: u, Timeout: 10 * time.Second,
		Texts: map[string]string{}, Secrets: map[string]providers.Secret{}, Flags: map[string]bool{}}
	for _, o := range d.Options() {
		switch o.Kind {
		case providers.SecretText:
			s.Secrets[o.Key] = providers.NewSecret(secrets[o.Key])
		case providers.Flag:
			s.Flags[o.Key] = o.Default == "true"
		default:
			s.Texts[o.Key] = o.Default
		}
	}
	return s
}

// Open opens the account, and closes it when the test is over.
func Open(t testing.TB, d providers.Driver, s providers.Settings) providers.Account {
	t.Helper()
	a, err := d.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := a.(io.Closer); ok {
		t.Cleanup(func() { _ = c.Close() })
	}
	return a
}

// Attempt is an attempt at so many minor units; 0 is a full refund.
func Attempt(payment string, minor int64, currency refund.Currency) providers.Attempt {
	return providers.Attempt{RefundID: "r-1", Number: 1, PaymentID: payment, Full: minor == 0, Minor: minor,
		Currency: currency, Reason: "returned goods", Deadline: time.Now().Add(10 * time.Second)}
}

// Golden compares got with testdata/name. UPDATE_GOLDEN=1 writes the file.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- want\n%s\n--- got\n%s", file, want, got)
	}
}

// Canned is the answer in testdata/name.
func Canned(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Body is a network for fuzzing: every request is answered with this.
func Body(status int, body []byte) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Request: r,
			Body: io.NopCloser(strings.NewReader(string(body)))}, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func render(r *http.Request, body string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", r.Method, r.RequestURI)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	return out.String() + "\n" + body + "\n"
}
