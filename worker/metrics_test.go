package worker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// shows reports whether the worker's metrics have this line.
func (r *rig) shows(w *process, line string) bool {
	r.t.Helper()
	return strings.Contains(r.metrics(w.Addr()), "\n"+line+"\n")
}

func (r *rig) ready(w *process) {
	r.t.Helper()
	r.until("it is ready", func() bool { return r.status("http://"+w.Addr()+"/readyz") == http.StatusOK })
}

func TestMetricsBeginAtZeroAndCountWhatHappened(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, redisArgs: []string{"--maxmemory", "1gb"}})
	w := r.start()
	r.ready(w)
	for _, line := range []string{
		`refund_attempts_total{outcome="succeeded",provider="maib"} 0`, `refund_attempts_total{outcome="unknown",provider="maib"} 0`,
		`refund_settled_total{provider="maib",state="declined"} 0`, `refund_contradicted_total{provider="maib"} 0`,
		`refund_rate_limited_total{provider="maib"} 0`, `refund_redis_up 1`,
		`refund_in_state{provider="maib",state="review"} 0`, `refund_oldest_seconds{provider="maib",state="queued"} 0`,
		`refund_held{reason="account"} 0`, `refund_held{reason="redis"} 0`,
		`refund_provider_paused{provider="maib",reason="health"} 0`, `refund_restored 0`,
	} {
		if !r.shows(w, line) {
			t.Errorf("no %s", line)
		}
	}
	if !strings.Contains(r.metrics(w.Addr()), "\nrefund_redis_memory_ratio 0.0") {
		t.Error("it does not say how full Redis is")
	}
	if err := r.backend.Journal.AfterRestore(t.Context(), time.Time{}); err != nil || !r.shows(w, "refund_restored 1") {
		t.Errorf("it does not say that the journal was restored: %v", err)
	}
	if err := r.backend.Journal.RestoreOver(t.Context()); err != nil || !r.shows(w, "refund_restored 0") {
		t.Errorf("it does not say that this is over: %v", err)
	}
	// More than is left: declined. Then the company calls back about it.
	id := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 100_00), "200.00"))
	r.waitFor(id, refund.Declined)
	if status := r.post(r.callbackURL(id), ""); status != http.StatusOK {
		t.Errorf("callback: HTTP %d", status)
	}
	for _, line := range []string{`refund_settled_total{provider="maib",state="declined"} 1`, `refund_in_state{provider="maib",state="declined"} 1`,
		`refund_contradicted_total{provider="maib"} 1`} {
		r.until(line, func() bool { return r.shows(w, line) })
	}
}

func TestMetricsSayWhyNothingIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	w := r.start()
	r.ready(w)
	if err := r.raw.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	r.until("it is held", func() bool { return r.shows(w, `refund_held{reason="redis"} 1`) })
	if status := r.status("http://" + w.Addr() + "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: HTTP %d", status)
	}
	id := r.enqueue(request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 100_00), "10.00"))
	if err := r.raw.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	r.until("it goes on", func() bool { return r.shows(w, `refund_held{reason="redis"} 0`) })
	r.waitFor(id, refund.Succeeded)
	r.calls(sandbox.UnitPay, 1)

	// Another worker takes the account up under another name.
	if err := r.raw.HSet(t.Context(), "refunds:accounts", r.cfg.Providers[0].Fingerprint, "renamed").Err(); err != nil {
		t.Fatal(err)
	}
	r.until("it is held for the account", func() bool { return r.shows(w, `refund_held{reason="account"} 1`) })
	if !r.shows(w, `refund_held{reason="redis"} 0`) {
		t.Error("it says that Redis is the reason")
	}
}
