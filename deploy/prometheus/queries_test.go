package prometheus_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

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
