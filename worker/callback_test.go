package worker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// pollNever leaves a refund's progress to callbacks.
var pollNever = map[string]string{"poll": "{initial: 10m, max: 10m}"}

func (r *rig) post(url, body string) int {
	r.t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestCallbackMakesTheWorkerAskAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, provider: pollNever, sandbox: sandbox.Options{SettleDelay: 500 * time.Millisecond}})
	r.start()
	for _, kind := range []sandbox.FaultKind{sandbox.NoFault, sandbox.CallbackTwice, sandbox.CallbackLate} {
		payment := r.pays(sandbox.Maib, 500_00)
		if kind != sandbox.NoFault {
			r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: kind, Delay: time.Second})
		}
		// Only the callback can be the reason: the next poll is minutes away.
		before := r.waitFor(r.enqueue(request(sandbox.Maib, payment, "100.00")), refund.Succeeded)
		r.moved(sandbox.Maib, payment, 100_00)
		r.until("the callbacks were answered", func() bool { return len(r.companies.Callbacks(payment)) > 0 })

		// A replay changes nothing.
		callback := r.companies.Callbacks(payment)[0]
		for range 3 {
			if status := r.post(callback.URL, `{"result":{"status":"Rejected"}}`); status != http.StatusOK {
				t.Errorf("replay: HTTP %d", status)
			}
		}
		if after := r.get(before.ID); after.State != refund.Succeeded || after.Contradicted != "" {
			t.Errorf("%s", r.story(after))
		}
		for _, c := range r.companies.Callbacks(payment) {
			if c.Status != http.StatusOK {
				t.Errorf("the company was answered HTTP %d", c.Status)
			}
		}
	}
	r.calls(sandbox.Maib, 3)
}

func TestCallbackToAnUnknownAddressIsNotFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{provider: pollNever, sandbox: sandbox.Options{SettleDelay: time.Hour}})
	w := r.start()
	id := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	before := r.waitFor(id, refund.Accepted)
	other := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	r.waitFor(other, refund.Accepted)
	calls := len(r.companies.RecentCalls())
	address := r.callbackURL(other)
	token := address[strings.LastIndexByte(address, '/')+1:]
	for _, path := range []string{
		"/callbacks/maib/" + id + "/AAAA", "/callbacks/maib/" + id + "/" + token, "/callbacks/maib/" + id + "/",
		"/callbacks/maib/nobody/" + token, "/callbacks/unitpay/" + id + "/" + token, "/callbacks/nobody/" + id + "/x",
		"/callbacks/maib/" + id, "/callbacks/maib/..%2f" + id + "/x",
	} {
		if status := r.post("http://"+w.Addr()+path, "{}"); status != http.StatusNotFound {
			t.Errorf("%s: HTTP %d, want 404", path, status)
		}
	}
	if after := r.get(id); after.Version != before.Version {
		t.Errorf("%s", r.story(after))
	}
	if got := len(r.companies.RecentCalls()); got != calls {
		t.Errorf("%d calls for callbacks that nobody sent", got-calls)
	}
}

// callbackURL is the address that the company was given for the refund.
func (r *rig) callbackURL(id string) string {
	r.t.Helper()
	p, _ := r.cfg.Provider(sandbox.Maib)
	account, err := p.Driver.Open(p.Settings)
	if err != nil {
		r.t.Fatal(err)
	}
	return account.(providers.CallbackReceiver).CallbackURL(id)
}

func TestCallbackIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, provider: pollNever, sandbox: sandbox.Options{SettleDelay: time.Hour}})
	r.start()
	id := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	r.waitFor(id, refund.Accepted)
	url := r.callbackURL(id)
	for _, body := range []string{`{"result":{"status":"Accepted"}}`, `{"result":{"status":"Rejected"}}`, "", "\x00", strings.Repeat("x", 1<<20)} {
		asked := r.companies.Calls(sandbox.Maib, sandbox.OpStatus)
		if status := r.post(url, body); status != http.StatusOK {
			t.Errorf("HTTP %d", status)
		}
		r.until("the worker has asked", func() bool { return r.companies.Calls(sandbox.Maib, sandbox.OpStatus) > asked })
		r.until("it knows the answer", func() bool { rec := r.get(id); return rec.Due.After(rec.Now) })
		if rec := r.get(id); rec.State != refund.Accepted {
			t.Errorf("%s", r.story(rec))
		}
	}
	r.calls(sandbox.Maib, 1)
}

func TestCallbackForAnUnknownAttemptForbidsNothingHappened(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, provider: map[string]string{"reconcile": "{first: 200ms, settle: 2s}"}})
	r.start()
	payment := r.pays(sandbox.Maib, 500_00)
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.ResetBefore})
	id := r.enqueue(request(sandbox.Maib, payment, "100.00"))
	r.waitFor(id, refund.Unknown)
	if status := r.post(r.callbackURL(id), ""); status != http.StatusOK {
		t.Errorf("HTTP %d", status)
	}
	// The company seems to have it, and shows nothing: nobody may send it again.
	if rec := r.waitFor(id, refund.Review); !rec.Known || rec.ReasonCode != "not_proven" {
		t.Errorf("%s", r.story(rec))
	}
	r.calls(sandbox.Maib, 1)
}
