package worker_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// lease is how long asynq's lease of a task lasts. Whatever takes longer between
// two steps of a refund was left behind by a worker and found again by chance:
// a worker that drains leaves nothing behind.
const lease = 30 * time.Second

// Three workers are replaced one after the other, twice, as a Deployment with
// maxSurge 1 does it: a new process is ready, then an old one gets SIGTERM while
// its attempts run.
func TestRollingRestartLeavesNothingUnknownAndNothingLate(t *testing.T) {
	t.Parallel()
	s := durable(map[string]string{"timeout": "20s", "concurrency": "3"})
	s.top["shutdown_timeout"] = "20s"
	r := newRig(t, s)
	for _, company := range sandbox.Companies {
		r.companies.Fail(company, "", sandbox.Fault{Kind: sandbox.Slow, Delay: 300 * time.Millisecond, Times: sandbox.Forever})
	}
	load := &orders{rig: r, payments: map[string]string{}}
	var crew []*spawned
	join := func() {
		w := r.spawnAs(fmt.Sprintf("worker-%d", load.workers), freeAddress(t))
		load.workers++
		r.until(w.name+" is ready", func() bool {
			resp, err := http.Get("http://" + w.listen + "/readyz")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		}, r.log.String)
		crew = append(crew, w)
	}
	for range 3 {
		join()
	}
	for range 2 * len(crew) {
		join()
		old := crew[0]
		crew = crew[1:]
		r.until(old.name+" has attempts running", func() bool { return load.busy(old) })
		if err := old.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r.until(old.name+" has ended", func() bool {
			select {
			case <-old.ended:
				return true
			default:
				return false
			}
		}, r.log.String)
		if !old.ProcessState.Success() {
			t.Errorf("%s: %s\n%s", old.name, old.ProcessState, r.log)
		}
	}
	load.settled()
}

// orders are the refunds of a test under load.
type orders struct {
	*rig
	workers  int
	payments map[string]string // by refund id
}

// more enqueues a few refunds at each company.
func (o *orders) more() {
	for range 6 {
		for _, company := range sandbox.Companies {
			payment := o.pays(company, 100_00)
			o.payments[o.enqueue(request(company, payment, "40.00"))] = payment
		}
	}
}

// busy reports whether the worker has an attempt running, and keeps the queues
// filled.
func (o *orders) busy(w *spawned) bool {
	o.t.Helper()
	running := 0
	for rec, err := range o.backend.Journal.List(o.t.Context(), journal.Filter{State: refund.Sending}) {
		if err != nil {
			o.t.Fatal(err)
		}
		running++
		history, err := o.backend.Journal.History(o.t.Context(), rec)
		if err != nil {
			o.t.Fatal(err)
		}
		if last := history[len(history)-1]; last.To == refund.Sending && last.By == "worker "+w.name {
			return true
		}
	}
	if running < 3 {
		o.more()
	}
	return false
}

// settled waits for all, and checks that each went the straight way.
func (o *orders) settled() {
	o.t.Helper()
	drained := map[string]bool{}
	for id, payment := range o.payments {
		rec := o.waitFor(id, refund.Succeeded)
		if rec.Attempts != 1 || rec.Unproven {
			o.t.Errorf("%s", o.story(rec))
		}
		o.moved(rec.Provider, payment, 40_00)
		history, err := o.backend.Journal.History(o.t.Context(), rec)
		if err != nil {
			o.t.Fatal(err)
		}
		for i, h := range history {
			drained[h.By] = true
			if h.To == refund.Unknown || i > 0 && h.At.Sub(history[i-1].At) > lease {
				o.t.Errorf("unknown or late: %s", o.story(rec))
			}
		}
	}
	for n := range o.workers {
		if name := fmt.Sprintf("worker worker-%d", n); !drained[name] && n < o.workers-3 {
			o.t.Errorf("%s had nothing to do", name)
		}
	}
	o.t.Logf("%d refunds over %d workers", len(o.payments), o.workers)
}
