package worker_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// exported is everything that was exported of all spans.
func (r *rig) exported() string {
	r.t.Helper()
	b, err := json.Marshal(r.spans.GetSpans())
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// attributes of a span as text.
func attributes(s tracetest.SpanStub) map[string]string {
	found := map[string]string{}
	for _, a := range s.Attributes {
		found[string(a.Key)] = a.Value.String()
	}
	return found
}

// traced are the spans of one trace, in the order that they ended.
func (r *rig) traced(id string) []tracetest.SpanStub {
	var list []tracetest.SpanStub
	for _, s := range r.spans.GetSpans() {
		if s.SpanContext.TraceID().String() == id {
			list = append(list, s)
		}
	}
	return list
}

// named are the spans of that name.
func named(spans []tracetest.SpanStub, name string) []tracetest.SpanStub {
	return slices.DeleteFunc(slices.Clone(spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

func TestARefundIsOneTraceFromTheEnqueuerToItsProof(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	w := r.start()
	payment := r.pays(sandbox.UnitPay, 500_00)
	r.companies.Fail(sandbox.UnitPay, payment, sandbox.Fault{Kind: sandbox.LostAnswer})
	q := request(sandbox.UnitPay, payment, "100.00")
	q.Reason, q.Metadata = "private reason", map[string]string{"order": "private metadata"}
	q.Receipt = &refund.Receipt{CustomerEmail: "private@example.com", Items: []refund.Item{{Name: "private item", Count: "1", Price: "100.00"}}}
	other := r.enqueue(request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "5.00"))
	rec := r.waitFor(r.enqueue(q), refund.Succeeded)
	otherRec := r.waitFor(other, refund.Succeeded)
	w.stop()

	if rec.View().TraceID != rec.TraceID() || len(rec.TraceID()) != 32 || rec.TraceID() == otherRec.TraceID() {
		t.Errorf("trace ids %q and %q: each refund has one of its own", rec.TraceID(), otherRec.TraceID())
	}
	spans := r.traced(rec.TraceID())
	ids := map[string]string{}
	for _, s := range spans {
		ids[s.SpanContext.SpanID().String()] = s.Name
	}
	roots, purposes := []string{}, map[string]bool{}
	for _, s := range spans {
		if parent := s.Parent.SpanID().String(); ids[parent] == "" {
			roots = append(roots, s.Name)
		}
		a := attributes(s)
		if s.Name != "wait" && (a["refund_id"] != rec.ID || a["payment_id"] != payment) || a["provider"] != sandbox.UnitPay {
			t.Errorf("span %s has the attributes %v", s.Name, a)
		}
		if s.Name == "lookup" {
			purposes[a["purpose"]] = true
		}
	}
	if !slices.Equal(roots, []string{"enqueue"}) {
		t.Errorf("roots %v, want the enqueuer's span alone", roots)
	}
	for _, name := range []string{"take", "deliver", "wait", "settle"} {
		if len(named(spans, name)) == 0 {
			t.Errorf("no span %s", name)
		}
	}
	if !purposes["preflight"] || !purposes["reconcile"] {
		t.Errorf("lookups for %v, want preflight and reconcile", slices.Sorted(maps.Keys(purposes)))
	}
	attempts := named(spans, "attempt")
	if len(attempts) != 1 || attributes(attempts[0])["outcome"] != "unknown" || attempts[0].Status.Code != codes.Error || ids[attempts[0].Parent.SpanID().String()] != "deliver" {
		t.Errorf("attempts %+v", attempts)
	}
	delivered := named(spans, "deliver")
	last := delivered[len(delivered)-1]
	if a := attributes(last); a["state"] != "succeeded" || a["reason_code"] != "proven_by_total" || ids[last.Parent.SpanID().String()] != "enqueue" {
		t.Errorf("the last delivery has %v", a)
	}
	if text := r.exported(); strings.Contains(text, "private") || strings.Contains(text, "http://") || strings.Contains(text, sandbox.UnitPaySecret) {
		t.Errorf("a span tells what it must not: %s", text)
	}
}

func TestWhatComesWithoutATaskGoesOnInTheRefundsTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}})
	lost := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	if err := r.inspector.DeleteTask(sandbox.Maib, lost); err != nil {
		t.Fatal(err)
	}
	payment := r.pays(sandbox.Maib, 500_00)
	called := r.enqueue(request(sandbox.Maib, payment, "100.00"))
	w := r.start()
	for _, id := range []string{lost, called} {
		r.waitFor(id, refund.Succeeded)
	}
	r.until("the callback was answered", func() bool { return len(r.companies.Callbacks(payment)) > 0 })
	w.stop()
	if len(named(r.traced(r.get(lost).TraceID()), "attempt")) != 1 {
		t.Error("the refund whose task the sweeper put back left its trace")
	}
	spans := r.traced(r.get(called).TraceID())
	if len(named(spans, "callback")) == 0 {
		t.Error("the callback is not in the refund's trace")
	}
	// A callback that came when the refund had settled asks once more after them.
	purposes := map[string]int{}
	for _, lookup := range named(spans, "lookup") {
		purposes[attributes(lookup)["purpose"]]++
	}
	if purposes["preflight"] != 1 || purposes["poll"] == 0 {
		t.Errorf("lookups %v, want one for the preflight and at least one poll", purposes)
	}
}

func TestForeignTasksGoOnInTheirProducersTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	w := r.start()
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	long := strings.Repeat("x", 300<<10)
	for id, tc := range map[string]struct {
		headers map[string]string
		goesOn  bool
	}{
		"none":      {nil, false},
		"proper":    {map[string]string{"traceparent": "00-" + traceID + "-00f067aa0ba902b7-01"}, true},
		"with more": {map[string]string{"traceparent": "00-" + traceID + "-00f067aa0ba902b7-01", "baggage": "user=hostile", "x": long}, true},
		"long":      {map[string]string{"traceparent": long, "tracestate": long}, false},
		"malformed": {map[string]string{"traceparent": "00-hostile-00f067aa0ba902b7-01"}, false},
		"all zero":  {map[string]string{"traceparent": "00-00000000000000000000000000000000-0000000000000000-01"}, false},
		"longer":    {map[string]string{"traceparent": "00-" + traceID + "-00f067aa0ba902b7-01-hostile"}, false},
	} {
		id = strings.ReplaceAll(id, " ", "-")
		raw, err := json.Marshal(payload(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.producer.EnqueueContext(t.Context(), asynq.NewTaskWithHeaders(tasks.Type, raw, tc.headers), asynq.Queue(sandbox.UnitPay), asynq.TaskID(id)); err != nil {
			t.Fatal(err)
		}
		rec := r.waitFor(id, refund.Succeeded)
		if len(rec.Trace) != 55 || (rec.TraceID() == traceID) != tc.goesOn {
			t.Errorf("%s: the record's trace is %q", id, rec.Trace)
		}
	}
	w.stop()
	if text := r.exported(); strings.Contains(text, "hostile") || strings.Contains(text, "xxx") {
		t.Error("spans repeat what a foreign task's headers hold")
	}
}

func TestTheTraceIsNoPartOfARefundsContent(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	q := request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00")
	id := r.enqueue(q)
	first := r.get(id)
	task := r.task(sandbox.UnitPay, id)
	taken := func(rec *journal.Record) string { return strconv.FormatInt(rec.Created.Unix(), 10) }
	if !maps.Equal(task.Headers, map[string]string{"refund-taken": taken(first), "traceparent": first.Trace}) || strings.Contains(string(task.Payload), first.TraceID()) {
		t.Errorf("headers %v, payload %s", task.Headers, task.Payload)
	}
	// Another trace asks for the same, and one that is in none.
	for _, tracer := range []string{"on", "off"} {
		if tracer == "off" {
			r.backend.Tracer = nil
			r.enqueuer = tasks.NewEnqueuer(r.backend, r.cfg)
		}
		if got := r.ask(q); got.Status != tasks.Existing {
			t.Errorf("tracing %s: %+v", tracer, got)
		}
	}
	asked := named(r.spans.GetSpans(), "enqueue")
	if last := asked[len(asked)-1]; len(asked) != 2 || len(last.Links) != 1 || last.Links[0].SpanContext.TraceID().String() != first.TraceID() {
		t.Errorf("asking again made the spans %+v, want one that links to the refund's trace", asked)
	}
	if again := r.get(id); again.Trace != first.Trace || again.Digest != first.Digest {
		t.Errorf("the trace became %q, the digest %q", again.Trace, again.Digest)
	}
	// A worker that traces takes a task that has no trace, and the other way round.
	untraced := r.enqueue(request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00"))
	headers := r.task(sandbox.UnitPay, untraced).Headers
	if rec := r.get(untraced); rec.Trace != "" || !maps.Equal(headers, map[string]string{"refund-taken": taken(rec)}) {
		t.Errorf("without a tracer the refund has the trace %q, its task the headers %v", rec.Trace, headers)
	}
	r.start()
	r.waitFor(untraced, refund.Succeeded)
	r.waitFor(id, refund.Succeeded)
}
