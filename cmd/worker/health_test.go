package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthcheckTellsByItsStatusWhetherTheWorkerTakesRefunds(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
		said   string
	}{
		"ready":             {http.StatusOK, "ready\n", statusOK, ""},
		"waiting for Redis": {http.StatusServiceUnavailable, "waiting for Redis\n", statusError, "waiting for Redis"},
		"someone else":      {http.StatusNotFound, "404", statusError, "not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Path
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			var stderr bytes.Buffer
			got := run(t.Context(), []string{"--config", configFor(t, server.Listener.Addr().String()), "--healthcheck"}, io.Discard, &stderr)
			if got != c.want || !strings.Contains(stderr.String(), c.said) {
				t.Errorf("status %d, want %d; said %q", got, c.want, stderr.String())
			}
			if asked != "/readyz" {
				t.Errorf("asked %q, want /readyz", asked)
			}
		})
	}
}

func TestHealthcheckFailsWhereNoWorkerListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if got := run(t.Context(), []string{"--config", configFor(t, address), "--healthcheck"}, io.Discard, io.Discard); got != statusError {
		t.Errorf("status %d, want %d", got, statusError)
	}
}

func TestHealthcheckCallsTheAddressThatTheWorkerListensOn(t *testing.T) {
	for listen, want := range map[string]string{
		":8080":          "127.0.0.1:8080",
		"0.0.0.0:8080":   "127.0.0.1:8080",
		"[::]:8080":      "[::1]:8080",
		"127.0.0.2:8080": "127.0.0.2:8080",
		"worker:8080":    "worker:8080",
	} {
		if got, err := dialable(listen); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", listen, got, err, want)
		}
	}
	for _, listen := range []string{":0", "worker"} {
		if got, err := dialable(listen); err == nil {
			t.Errorf("%s: %q, want an error", listen, got)
		}
	}
}

// configFor writes a configuration whose secrets are not there: a health check
// needs none.
func configFor(t *testing.T, listen string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "refunds.yaml")
	text := "listen: " + listen + "\nproviders:\n  maib:\n    driver: maib\n    base_url: https://maib.example\n" +
		"    client_id: ${file:/nowhere}\n    client_secret: ${file:/nowhere}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
