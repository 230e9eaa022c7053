package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"refundworker/internal/cli"
)

// quick are flags with which each experiment takes seconds, and how many rows it
// has then.
var quick = map[string]struct {
	args []string
	rows int
}{
	"latency":    {[]string{"--samples", "4", "--pods", "1,2", "--idle", "1s"}, 2},
	"growth":     {[]string{"--waiting", "20,40", "--refunds", "20"}, 2},
	"memory":     {[]string{"--refunds", "100"}, 0},
	"providers":  {[]string{"--accounts", "1,6", "--idle", "1s"}, 2},
	"enqueue":    {[]string{"--rows", "10,20"}, 2},
	"cluster":    {[]string{"--masters", "1,3", "--refunds", "20"}, 2},
	"pieces":     {[]string{"--packages", "refundworker/refund", "--times", "2"}, 4},
	"pods":       {[]string{"--refunds", "40", "--pods", "1,2", "--provider-latency", "1ms"}, 2},
	"neighbours": {[]string{"--refunds", "40", "--waiting", "100", "--rounds", "1", "--idle", "1s"}, 3},
	"limits":     {[]string{"--refunds", "40", "--pods", "1,2", "--limits", "200/s", "--bursts", "3"}, 2},
}

func TestExperimentsFindSomethingAndPrintIt(t *testing.T) {
	needRedis(t)
	for _, e := range experiments() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			q, known := quick[e.name]
			if !known {
				t.Fatal("there are no flags to try it quickly with")
			}
			status, out, errs := command(t, append([]string{e.name, "-o", "json"}, q.args...)...)
			if status != cli.OK {
				t.Fatalf("exit status %d: %s", status, errs)
			}
			var got map[string]json.RawMessage
			var found struct {
				Rows []map[string]any `json:"rows"`
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("not one JSON object: %v: %s", err, out)
			}
			if err := json.Unmarshal(got[e.name], &found); err != nil || len(found.Rows) != q.rows {
				t.Errorf("%d rows, want %d: %v: %s", len(found.Rows), q.rows, err, out)
			}
			for _, row := range found.Rows {
				for name, figure := range row {
					if n, ok := figure.(float64); ok && n < 0 {
						t.Errorf("%s is %v", name, n)
					}
				}
			}
		})
	}
}

func TestExperimentsRefuseWhatTheyCannotMeasure(t *testing.T) {
	for _, line := range []string{
		"latency --samples 1001", "latency --pods 0", "latency --idle 1ms", "latency --appendfsync sometimes",
		"growth --waiting 100,10", "growth --refunds 0", "memory --refunds 1", "pods --pods 65", "pods --provider-latency 1m", "pods more",
		"providers --accounts 0", "enqueue --rows 0", "cluster --masters 17", "all 1", "pieces --times 0",
		"neighbours --waiting 0", "neighbours --limit none", "neighbours --idle 1ms", "neighbours --refunds 0",
		"limits --limits none", "limits --limits 5", "limits --bursts 0", "limits --refunds 601", "limits --bursts 201",
	} {
		if status, _, errs := command(t, strings.Fields(line)...); status != cli.Usage || errs == "" {
			t.Errorf("%s: exit status %d, stderr %q; want %d and a reason", line, status, errs, cli.Usage)
		}
	}
}

func TestChildStartsNoOther(t *testing.T) {
	t.Setenv(childMark, "1")
	if c, err := startChild(t.Context(), new(simulatorReady), nil, simulatorName); err == nil {
		c.end()
		t.Error("a child was started by a child")
	}
}

func TestAllKnowsEveryFlagThatItGives(t *testing.T) {
	root, s := newRoot()
	if err := root.ParseFlags(compared); err != nil || s.check() != nil || len(s.latencies) != 2 || len(s.concurrencies) != 2 {
		t.Errorf("the comparison: %v, %v, %+v", err, s.check(), s)
	}
	for _, e := range experiments() {
		set := pflag.NewFlagSet(e.name, pflag.ContinueOnError)
		e.flags(set)
		if e.name == "growth" {
			if err := set.Parse([]string{"--waiting", "1000,100000,1000000"}); err != nil {
				t.Error(err)
			}
		}
		if err := e.check(); err != nil {
			t.Errorf("%s as it is without flags: %v", e.name, err)
		}
	}
}
