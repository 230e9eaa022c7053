package prometheus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

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
