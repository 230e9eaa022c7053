package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

const otherMaibID = "8ce09e40-2948-4225-a9c4-f277dbd587eb"

func TestMaibCallsBack(t *testing.T) {
	for name, c := range map[string]struct {
		fault   sandbox.Fault
		settled int // callbacks once it has settled
		later   int // and a minute later
		status  string
	}{
		"once when accepted":            {sandbox.Fault{}, 1, 1, "Accepted"},
		"once when rejected":            {sandbox.Fault{Kind: sandbox.RejectedLater}, 1, 1, "Rejected"},
		"not while a person is needed":  {sandbox.Fault{Kind: sandbox.ManualLater}, 0, 0, ""},
		"twice":                         {sandbox.Fault{Kind: sandbox.CallbackTwice}, 2, 2, "Accepted"},
		"never":                         {sandbox.Fault{Kind: sandbox.CallbackNever}, 0, 0, ""},
		"late":                          {sandbox.Fault{Kind: sandbox.CallbackLate, Delay: time.Minute}, 0, 1, "Accepted"},
		"also when the answer was lost": {sandbox.Fault{Kind: sandbox.ResetAfter}, 1, 1, "Accepted"},
		"not when nothing was done":     {sandbox.Fault{Kind: sandbox.ResetBefore}, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bodies := make(chan string, 10)
			shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.URL.Path == "/other" {
					return
				}
				bodies <- r.Method + " " + r.URL.Path + " " + string(body)
			}))
			defer shop.Close()
			b := maibBench(t, sandbox.Payment{})
			b.Fail(sandbox.Maib, maibID, c.fault)
			b.maibRefund(fmt.Sprintf(`{"amount":1.00,"reason":"x","callbackUrl":%q}`, shop.URL+"/callback/abc"))
			arrived := func() int { return len(b.Callbacks(maibID)) }
			b.clock.Advance(10*time.Second - time.Nanosecond)
			if n := arrived(); n != 0 {
				t.Fatalf("%d callbacks before it settled", n)
			}
			b.clock.Advance(time.Nanosecond)
			eventually(t, "callbacks", func() bool { return arrived() == c.settled })
			b.clock.Advance(time.Minute)
			eventually(t, "later callbacks", func() bool { return arrived() == c.later })
			b.AddPayment(sandbox.Payment{Company: sandbox.Maib, ID: otherMaibID, Minor: 1})
			b.maib("POST", "/v2/payments/"+otherMaibID+"/refund", fmt.Sprintf(`{"reason":"x","callbackUrl":%q}`, shop.URL+"/other"))
			b.clock.Advance(10 * time.Second)
			eventually(t, "another refund's callback", func() bool { return len(b.Callbacks(otherMaibID)) == 1 })
			b.Close() // nothing is on its way after it
			if n := arrived(); n != c.later {
				t.Errorf("%d callbacks, not %d", n, c.later)
			}
			for range c.later {
				got := <-bodies
				if !strings.HasPrefix(got, "POST /callback/abc ") || !strings.Contains(got, `"status":"`+c.status+`"`) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
}

func TestMaibDoesNotFollowWhereACallbackIsSent(t *testing.T) {
	var followed atomic.Int32
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Add(1)
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer shop.Close()
	b := maibBench(t, sandbox.Payment{})
	b.maibRefund(fmt.Sprintf(`{"reason":"x","callbackUrl":%q}`, shop.URL))
	b.clock.Advance(10 * time.Second)
	eventually(t, "the callback", func() bool { return len(b.Callbacks(maibID)) == 1 })
	if status := b.Callbacks(maibID)[0].Status; status != http.StatusTemporaryRedirect || followed.Load() != 0 {
		t.Errorf("status %d, followed %d times", status, followed.Load())
	}
}

func TestCloseDoesNotWaitForACallbackThatHangs(t *testing.T) {
	called, leave := make(chan struct{}), make(chan struct{})
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(called)
		<-leave
	}))
	defer shop.Close()
	defer close(leave)
	b := maibBench(t, sandbox.Payment{})
	b.maibRefund(fmt.Sprintf(`{"reason":"x","callbackUrl":%q}`, shop.URL))
	b.clock.Advance(10 * time.Second)
	<-called
	begin := time.Now()
	b.Close()
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}
