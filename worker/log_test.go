package worker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// line is one line of the log.
type line map[string]any

// told are the lines about a refund that an operator sees: info and above.
func (r *rig) told(id string) []line {
	r.t.Helper()
	var list []line
	for text := range strings.Lines(r.log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			r.t.Fatalf("%s: %v", text, err)
		}
		if l["refund_id"] == id && l["level"] != "debug" {
			list = append(list, l)
		}
	}
	return list
}

// Whole lives, among them some of many polls and lookups, leave a line for each
// change of state and none for anything else.
func TestLogHasOneLineForEachChangeOfState(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay, sandbox.Maib}, sandbox: sandbox.Options{SettleDelay: 1500 * time.Millisecond},
		provider: map[string]string{"reconcile": "{first: 50ms, settle: 2s, max_resends: 0}"}})
	w := r.start()
	lives := []struct {
		name, company string
		faults        []sandbox.Fault
		states        []string
		outcomes      []string // of each line; empty: it tells none
		code          string   // of the attempt
	}{
		{"paid", sandbox.UnitPay, nil, []string{"sending", "succeeded"}, []string{"", "succeeded"}, ""},
		{"refused", sandbox.UnitPay, []sandbox.Fault{{Kind: sandbox.Declined}}, []string{"sending", "declined"}, []string{"", "declined"}, "-32602"},
		{"lost, and found again", sandbox.UnitPay, []sandbox.Fault{{Kind: sandbox.LostAnswer}}, []string{"sending", "unknown", "succeeded"}, []string{"", "unknown", ""}, "timeout"},
		{"lost for good", sandbox.Maib, []sandbox.Fault{{Kind: sandbox.ResetBefore}}, []string{"sending", "unknown", "review"}, []string{"", "unknown", ""}, ""},
		{"put off", sandbox.UnitPay, []sandbox.Fault{{Kind: sandbox.TooManyRequests}}, []string{"sending", "queued", "sending", "succeeded"}, []string{"", "rate_limited", "", "succeeded"}, ""},
		{"polled", sandbox.Maib, []sandbox.Fault{{Kind: sandbox.CallbackNever}}, []string{"sending", "accepted", "succeeded"}, []string{"", "accepted", ""}, ""},
	}
	ids := make([]string, len(lives))
	for i, life := range lives {
		payment := r.pays(life.company, 500_00)
		r.companies.Fail(life.company, payment, life.faults...)
		ids[i] = r.enqueue(request(life.company, payment, "100.00"))
	}
	for i, life := range lives {
		r.waitFor(ids[i], refund.State(life.states[len(life.states)-1]))
	}
	w.stop()
	for text := range strings.Lines(r.log.String()) {
		if strings.Contains(text, "Retry exhausted") && !strings.Contains(text, `"level":"debug"`) {
			t.Errorf("the queue's own line of a refund in review: %s", text)
		}
	}
	for i, life := range lives {
		rec, told := r.get(ids[i]), r.told(ids[i])
		if len(told) != len(life.states) {
			t.Errorf("%s: %d lines, want %d: %v", life.name, len(told), len(life.states), told)
			continue
		}
		for j, l := range told {
			outcome, _ := l["outcome"].(string)
			if l["state"] != life.states[j] || outcome != life.outcomes[j] {
				t.Errorf("%s: line %d is %v, want state %s and outcome %q", life.name, j, l, life.states[j], life.outcomes[j])
			}
			if l["provider"] != life.company || l["payment_id"] != rec.PaymentID || l["trace_id"] != rec.TraceID() || l["attempt"] == nil {
				t.Errorf("%s: line %d does not say which refund: %v", life.name, j, l)
			}
			took, said := l["took"].(float64)
			// A call that is answered in the same millisecond took 0.
			if said == (l["state"] == "sending") && j > 0 || took < 0 {
				t.Errorf("%s: line %d says that it took %v", life.name, j, l["took"])
			}
			if outcome != "" && life.code != "" && l["code"] != life.code {
				t.Errorf("%s: line %d has the code %v, want %s", life.name, j, l["code"], life.code)
			}
			if review := l["state"] == "review"; review != (l["level"] == "warn") || review && !strings.Contains(l["msg"].(string), "refundctl") {
				t.Errorf("%s: line %d: %v", life.name, j, l)
			}
		}
	}
	if rec := r.get(ids[len(ids)-1]); rec.Lookups < 4 {
		t.Errorf("only %d polls: the life that is to show silence had none", rec.Lookups)
	}
}
