package worker_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/worker"
)

// The more attempts at once, the more servers share them, so that they need not
// wait for one another's tasks; together they have twice as many as was configured, as
// an answer is written down while the next call is made.
func TestServersShareTheConcurrencyOfTheirProvider(t *testing.T) {
	for concurrency, servers := range map[int]int{1: 1, 4: 1, 7: 1, 8: 4, 31: 15, 64: 16, 101: 16} {
		t.Run(strconv.Itoa(concurrency), func(t *testing.T) {
			r := newRig(t, setup{companies: []string{sandbox.UnitPay}, provider: map[string]string{"concurrency": strconv.Itoa(concurrency)}})
			r.start()
			r.until("heartbeats of "+strconv.Itoa(servers)+" servers", func() bool {
				all, err := r.inspector.Servers()
				return err == nil && len(all) == servers
			})
			all, err := r.inspector.Servers()
			if err != nil {
				t.Fatal(err)
			}
			sum := 0
			for _, s := range all {
				if sum += s.Concurrency; s.Concurrency < 2*(concurrency/servers) {
					t.Errorf("one of %d servers has %d of %d", servers, s.Concurrency, 2*concurrency)
				}
			}
			if sum != 2*concurrency {
				t.Errorf("together %d at once, want %d", sum, 2*concurrency)
			}
		})
	}
}

func TestManyProvidersShareTheServersOfAWorker(t *testing.T) {
	for _, tc := range []struct{ concurrency, several, servers int }{
		{7, 0, 1}, {7, 200, 1}, {8, 1, 4}, {1000, 64, 16}, {1000, 65, 15}, {32, 200, 5}, {8, 200, 4}, {32, 2000, 1},
	} {
		all, sum := worker.Shares(tc.concurrency, tc.several), 0
		for _, one := range all {
			sum += one
		}
		if len(all) != tc.servers || sum != tc.concurrency {
			t.Errorf("%d at once, one of %d with several servers: %v, want %d servers", tc.concurrency, tc.several, all, tc.servers)
		}
	}
}

// Twice as many tasks run, and each call has to wait for its seat.
func TestAProviderNeverSeesMoreCallsThanItsConcurrency(t *testing.T) {
	const concurrency = 8 // and two tasks more are fetched
	var r *rig
	var now, most atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		r.companies.ServeHTTP(w, req)
	}))
	defer front.Close()
	r = newRig(t, setup{companies: []string{sandbox.UnitPay}, sandbox: sandbox.Options{Latency: 20 * time.Millisecond},
		provider: map[string]string{"concurrency": strconv.Itoa(concurrency), "base_url": front.URL + "/unitpay/api"}})
	var ids []string
	for range 40 {
		ids = append(ids, r.enqueue(request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00")))
	}
	r.start()
	for _, id := range ids {
		r.waitFor(id, refund.Succeeded)
	}
	if most.Load() > concurrency {
		t.Errorf("%d calls at once, want at most %d", most.Load(), concurrency)
	}
}

func TestCancellingATaskInAsynqmonDoesNotBreakItsAttemptOff(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"timeout": "20s"}}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: time.Second})
		id := r.enqueue(request(company, payment, "100.00"))
		r.start()
		r.until("the attempt", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 1 })
		if err := r.inspector.CancelProcessing(id); err != nil {
			t.Fatal(err)
		}
		if rec := r.waitFor(id, refund.Succeeded); rec.Attempts != 1 || rec.Unproven {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}
