package prometheus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// patience is how long anything may take on a busy machine.
const patience = 90 * time.Second

// until waits for a condition; what says why it does not hold yet.
func until(t *testing.T, holds func() (ok bool, why string)) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		ok, why := holds()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain waited %s: %s", patience, why)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startWorker runs a worker on a real Redis with simulated companies, and
// returns its address and a function that makes a company refund.
func startWorker(t *testing.T) (addr string, pay func()) {
	t.Helper()
	store := redistest.Start(t, "--maxmemory", "1gb")
	companies := sandbox.New(sandbox.Options{})
	if err := companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = companies.Close() })
	text := fmt.Sprintf(`
redis: redis://%s/0
durability: none
listen: 127.0.0.1:0
providers:
  unitpay: {driver: unitpay, base_url: "%s", secret_key: %s, one_refund_per_payment: false, rate_limit: 20/s}
`, store.Addr, companies.BaseURL(sandbox.UnitPay), sandbox.UnitPaySecret)
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(cfg, worker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	select {
	case <-w.Listening():
	case err := <-ended:
		ended <- nil
		t.Fatalf("worker: %v", err)
	}
	backend, err := tasks.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	enqueuer, payments := tasks.NewEnqueuer(backend, cfg), 7_000_000_000
	return w.Addr(), func() {
		// One that succeeds and, by another queue, one that is declined.
		for i, amount := range []string{"10.00", "999.00"} {
			payments++
			p := sandbox.Payment{Company: sandbox.UnitPay, ID: fmt.Sprint(payments), Minor: 100_00}
			companies.AddPayment(p)
			var o []tasks.Option
			if i == 1 {
				o = append(o, tasks.Bulk())
			}
			q := refund.Request{Provider: sandbox.UnitPay, PaymentID: p.ID, Amount: amount, Currency: "RUB", Reason: "test"}
			if got, err := enqueuer.Enqueue(t.Context(), q, o...); err != nil || got.Status != tasks.Queued {
				t.Fatalf("enqueue: %+v, %v", got, err)
			}
		}
	}
}

// server is a running Prometheus.
type server struct {
	t   *testing.T
	url string
}

func startPrometheus(t *testing.T, target string) server {
	t.Helper()
	bin, dir, addr := program(t, "prometheus"), t.TempDir(), freeAddress(t)
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
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", addr, "--log.level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	s := server{t, "http://" + addr}
	until(t, func() (bool, string) {
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			said, _ := os.ReadFile(log.Name())
			return false, fmt.Sprintf("%v\n%s", err, said)
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, resp.Status
	})
	return s
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

// panel is what matters of a dashboard's panel.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

// queries returns the queries of the dashboard with its variables filled in, by
// panel.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	var d struct {
		Panels      []panel
		Annotations struct{ List []struct{ Name, Expr string } }
		Templating  struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(read(t, "../grafana/refunds.json"), &d); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"__rate_interval": "30s"}
	for _, v := range d.Templating.List {
		values[v.Name] = ".+"
		if v.Type == "query" && v.Definition != "label_values(refund_in_state, "+v.Name+")" {
			t.Errorf("variable %s: %s; this test looks for it in refund_in_state", v.Name, v.Definition)
		}
	}
	fill := func(expr string) string {
		return regexp.MustCompile(`\$\w+`).ReplaceAllStringFunc(expr, func(name string) string {
			value, ok := values[name[1:]]
			if !ok {
				t.Errorf("%s: no variable %s", expr, name)
			}
			return value
		})
	}
	all := map[string][]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], fill(target.Expr))
		}
	}
	if len(all) < 10 {
		t.Fatalf("%d panels with queries", len(all))
	}
	for _, a := range d.Annotations.List {
		all[a.Name] = append(all[a.Name], fill(a.Expr))
	}
	return all
}

// scalers returns the queries by which KEDA scales the workers.
func scalers(t *testing.T) map[string]string {
	t.Helper()
	var o struct {
		Spec struct {
			Triggers []struct {
				Name     string
				Metadata struct{ Query string }
			}
		}
	}
	if err := yaml.Unmarshal(read(t, "../kubernetes/keda/scaledobject.yaml"), &o); err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for _, trigger := range o.Spec.Triggers {
		list[trigger.Name] = trigger.Metadata.Query
	}
	if len(list) == 0 {
		t.Fatal("KEDA has no triggers")
	}
	return list
}

// metricNames are the names in a query that are metrics of ours or of a library.
var metricNames = regexp.MustCompile(`\b(?:refund|asynq|process|go)_[a-z_]+\b`)

func TestTheDashboardAndTheAlertsFitARealWorker(t *testing.T) {
	program(t, "prometheus") // before anything is started
	panels := queries(t)
	addr, pay := startWorker(t)
	s := startPrometheus(t, addr)
	until(t, func() (bool, string) {
		return s.series(`up{job="refundworker"} == 1`) == 1, "the worker is not scraped"
	})
	until(t, func() (bool, string) { return s.series(`refund_redis_up == 1`) == 1, "the worker does not reach Redis" })

	for title, exprs := range panels {
		for _, expr := range exprs {
			last := time.Time{}
			until(t, func() (bool, string) {
				if time.Since(last) > 2*time.Second { // rates need a rise between two scrapes
					pay()
					last = time.Now()
				}
				// Nothing is to be alerted of.
				return s.series(expr) > 0 || title == "Alerts", "panel " + title + " is empty: " + expr
			})
		}
	}

	var known []string
	s.get("label/__name__/values", &known)
	used := map[string]string{}
	for title, exprs := range panels {
		for _, name := range metricNames.FindAllString(strings.Join(exprs, " "), -1) {
			used[name] = "panel " + title
		}
	}
	for _, a := range alerts(t) {
		s.series(a.Expr)
		for _, name := range metricNames.FindAllString(a.Expr, -1) {
			used[name] = "alert " + a.Alert
		}
	}
	for name, query := range scalers(t) {
		if n := s.series(query); n != 1 {
			t.Errorf("KEDA's trigger %s has %d values: %s", name, n, query)
		}
		for _, metric := range metricNames.FindAllString(query, -1) {
			used[metric] = "KEDA's trigger " + name
		}
	}
	for name, where := range used {
		if !slices.Contains(known, name) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	s.evaluates()
}

// evaluates checks that Prometheus itself could evaluate every alert, and that
// none is raised about a worker that is well.
func (s server) evaluates() {
	type rule struct{ Name, Health, LastError, State string }
	var rules struct{ Groups []struct{ Rules []rule } }
	until(s.t, func() (bool, string) {
		s.get("rules", &rules)
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return false, fmt.Sprintf("%s: %s %s", r.Name, r.Health, r.LastError)
				}
			}
		}
		return len(rules.Groups) > 0, "no rules"
	})
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.State == "firing" {
				s.t.Errorf("%s fires", r.Name)
			}
		}
	}
}
