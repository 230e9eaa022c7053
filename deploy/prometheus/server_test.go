package prometheus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// server is a running Prometheus.
type server struct {
	t   *testing.T
	url string
}

// startPrometheus runs a Prometheus that scrapes the target, and returns when it
// answers.
func startPrometheus(t *testing.T, target string) server {
	t.Helper()
	bin, dir := program(t, "prometheus"), t.TempDir()
	rules, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\n"+
		"scrape_configs:\n  - job_name: refundworker\n    static_configs: [{targets: [%q], labels: {namespace: refunds}}]\n", rules, target)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// A port that was free a moment ago may be taken, so try another.
	var said bytes.Buffer
	for range 5 {
		said.Reset()
		addr := freeAddress(t)
		cmd := exec.Command(bin, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", addr, "--log.level", "warn")
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			<-ended
		})
		s := server{t, "http://" + addr}
		if s.ready(ended) {
			return s
		}
	}
	t.Fatalf("prometheus does not start:\n%s", said.String())
	return server{}
}

// ready waits until it answers, and reports false where it has ended instead.
func (s server) ready(ended <-chan struct{}) bool {
	s.t.Helper()
	gone := false
	until(s.t, func() (bool, string) {
		select {
		case <-ended:
			gone = true
			return true, ""
		default:
		}
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false, err.Error()
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, resp.Status
	})
	return !gone
}

// get asks the API, and fails the test where it refuses.
func (s server) get(path string, answer any) {
	s.t.Helper()
	resp, err := http.Get(s.url + "/api/v1/" + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: HTTP %d, %v: %s", path, resp.StatusCode, err, body)
	}
	if err := json.Unmarshal(body, &struct{ Data any }{answer}); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
}

// series returns how many series a query has now.
func (s server) series(query string) int {
	s.t.Helper()
	var answer struct{ Result []any }
	s.get("query?query="+url.QueryEscape(query), &answer)
	return len(answer.Result)
}
