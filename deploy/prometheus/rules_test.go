// Package prometheus_test checks the alerts and the dashboard: by promtool, and
// by a real Prometheus that looks at a real worker.
package prometheus_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// program finds a program of Debian's package prometheus. Without it the test is
// skipped, or fails where CI=true.
func program(t *testing.T, name string) string {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err == nil {
		return bin
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true asks for every test; install prometheus", name)
	}
	t.Skipf("%s is not installed; install Debian's package prometheus, or the like, to run this test", name)
	return ""
}

func TestAlertsPassTheirUnitTests(t *testing.T) {
	promtool := program(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// alert is one rule of alerts.yaml.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal(read(t, "alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	var list []alert
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("alerts.yaml holds no alerts")
	}
	return list
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryAlertIsTestedBothWays(t *testing.T) {
	var file struct {
		Tests []struct {
			Exprs []struct {
				Expr    string
				Samples []any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	if err := yaml.Unmarshal(read(t, "alerts_test.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^ALERTS\{alertname="(\w+)", alertstate="firing"\}$`)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, e := range test.Exprs {
			name := named.FindStringSubmatch(e.Expr)
			if name == nil {
				t.Errorf("not about an alert: %s", e.Expr)
				continue
			}
			if len(e.Samples) > 0 {
				fires[name[1]] = true
			} else {
				silent[name[1]] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: shown to fire %t, not to fire %t", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}

// sections are the anchors of a document's headings, as GitHub makes them.
func sections(t *testing.T, name string) map[string]bool {
	t.Helper()
	list := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(read(t, name)), -1) {
		plain := regexp.MustCompile(`[^\w\s-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		list[strings.ReplaceAll(plain, " ", "-")] = true
	}
	return list
}

// docs is where the runbook is, as seen from here.
const docs = "../../docs/"

func TestTheLinksOfTheRunbookLeadSomewhere(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#]*)#?([^)]*)\)`).FindAllStringSubmatch(string(read(t, docs+"operations.md")), -1)
	if len(links) < 20 {
		t.Fatalf("%d links", len(links))
	}
	for _, l := range links {
		file, anchor := l[1], l[2]
		if file == "" {
			file = "operations.md"
		}
		if _, err := os.Stat(docs + file); err != nil {
			t.Errorf("%s: %v", l[0], err)
		} else if anchor != "" && !sections(t, docs+file)[anchor] {
			t.Errorf("%s: no such section", l[0])
		}
	}
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	runbook := sections(t, docs+"operations.md")
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		for _, key := range []string{"summary", "description"} {
			if len(a.Annotations[key]) < 20 {
				t.Errorf("%s: %s %q", a.Alert, key, a.Annotations[key])
			}
		}
		if _, anchor, ok := strings.Cut(a.Annotations["runbook_url"], "/docs/operations.md#"); !ok || anchor != strings.ToLower(a.Alert) || !runbook[anchor] {
			t.Errorf("%s: runbook_url %q names no section of docs/operations.md", a.Alert, a.Annotations["runbook_url"])
		}
		delete(runbook, strings.ToLower(a.Alert))
	}
	for name := range runbook {
		if regexp.MustCompile(`^refunds?[a-z]{4,}$`).MatchString(name) {
			t.Errorf("docs/operations.md has a section on %s, which is no alert", name)
		}
	}
}
