package worker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// byHand refunds in the company's portal.
func (r *rig) byHand(company, payment string, minor int64) {
	r.t.Helper()
	if err := r.companies.RefundByHand(company, payment, minor); err != nil {
		r.t.Fatal(err)
	}
}

func TestRefundByHandBeforeIsInTheBaseline(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		for _, tc := range []struct {
			kind   sandbox.FaultKind
			byHand int64
			proof  string
		}{
			{sandbox.NoFault, 60_00, ""},
			{sandbox.ResetAfter, 60_00, "proven_by_total"},  // done, and the answer is lost
			{sandbox.ResetAfter, 100_00, "proven_by_total"}, // an equal one before is not taken for ours either
			{sandbox.ResetBefore, 60_00, ""},                // nothing arrived: sent again
		} {
			if company == sandbox.UnitPay && tc.byHand == 100_00 {
				continue // UnitPay refuses the same amount within half an hour
			}
			payment := r.pays(company, 500_00)
			r.byHand(company, payment, tc.byHand)
			if tc.kind != sandbox.NoFault {
				r.companies.Fail(company, payment, sandbox.Fault{Kind: tc.kind})
			}
			rec := r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Succeeded)
			if rec.Baseline == nil || *rec.Baseline != tc.byHand || rec.ReasonCode != tc.proof {
				t.Errorf("%v after %d by hand: %s", tc.kind, tc.byHand, r.story(rec))
			}
			r.moved(company, payment, tc.byHand+100_00)
		}
		// Nothing is left for ours.
		payment := r.pays(company, 500_00)
		r.byHand(company, payment, 450_00)
		if rec := r.waitFor(r.enqueue(request(company, payment, "100.00")), refund.Declined); rec.Attempts != 0 {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 450_00)
	})
}

// between makes a refund of 100.00 whose attempt fails so, while somebody
// refunds by hand after the worker has read its baseline and before it sends.
func (r *rig) between(company string, kind sandbox.FaultKind, minor int64) (payment, id string) {
	r.t.Helper()
	payment = r.pays(company, 500_00)
	// The figure is taken at once and answered late.
	r.companies.FailLookups(company, payment, sandbox.Fault{Kind: sandbox.Slow, Delay: time.Second})
	if kind != sandbox.NoFault {
		r.companies.Fail(company, payment, sandbox.Fault{Kind: kind})
	}
	asked := r.companies.Calls(company, sandbox.OpStatus)
	id = r.enqueue(request(company, payment, "100.00"))
	r.until("the baseline is being read", func() bool { return r.companies.Calls(company, sandbox.OpStatus) > asked })
	r.byHand(company, payment, minor)
	return payment, id
}

var slowLookups = map[string]string{"timeout": "5s", "reconcile": "{first: 200ms, settle: 5s, max_resends: 0}"}

// What somebody else adds makes the total rise by another amount than ours:
// that proves nothing, so nothing is sent again and a person decides.
func TestOtherAmountByHandBetweenBaselineAndLostAnswerIsForAPerson(t *testing.T) {
	everyCompany(t, setup{provider: slowLookups}, func(t *testing.T, r *rig, company string) {
		r.start()
		for kind, ours := range map[sandbox.FaultKind]int64{sandbox.ResetAfter: 100_00, sandbox.ResetBefore: 0} {
			payment, id := r.between(company, kind, 30_00)
			rec := r.waitFor(id, refund.Review)
			if rec.ReasonCode != "not_proven" || rec.Attempts != 1 || rec.Baseline == nil || *rec.Baseline != 0 {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, payment, ours+30_00)
			if got := r.retry(id, false); got.State != refund.Review {
				t.Errorf("a retry without the risk accepted: %s", r.story(got))
			}
			r.moved(company, payment, ours+30_00)
		}
	})
}

// The documented limit of proven_by_total: an equal refund by hand, between the
// baseline and an attempt that got lost, can't be told from ours. Ours is taken
// for done; too little is paid then, never too much, and the mark says how it
// was proven.
func TestEqualAmountByHandBetweenBaselineAndLostAnswerIsTakenForOurs(t *testing.T) {
	everyCompany(t, setup{provider: slowLookups}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.between(company, sandbox.ResetBefore, 100_00)
		rec := r.waitFor(id, refund.Succeeded)
		if rec.ReasonCode != "proven_by_total" || !rec.ByTotal || rec.Attempts != 1 {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00) // the one by hand
	})
}

// While the answer is missing, and not only before the attempt.
func TestRefundByHandWhileUnknown(t *testing.T) {
	settings := map[string]string{"timeout": "5s", "reconcile": "{first: 1s, settle: 3s, max_resends: 0}"}
	everyCompany(t, setup{provider: settings}, func(t *testing.T, r *rig, company string) {
		r.start()
		type start struct {
			payment, id string
			total       int64
			want        refund.State
		}
		var all []start
		for _, tc := range []struct {
			kind   sandbox.FaultKind
			byHand int64
			total  int64
			want   refund.State
		}{
			{sandbox.ResetAfter, 30_00, 130_00, refund.Review},
			{sandbox.ResetBefore, 30_00, 30_00, refund.Review},
			{sandbox.ResetAfter, 100_00, 200_00, refund.Review},
			{sandbox.ResetBefore, 100_00, 100_00, refund.Succeeded}, // the documented limit again
		} {
			payment := r.pays(company, 500_00)
			r.companies.Fail(company, payment, sandbox.Fault{Kind: tc.kind})
			id := r.enqueue(request(company, payment, "100.00"))
			r.waitFor(id, refund.Unknown)
			r.byHand(company, payment, tc.byHand)
			all = append(all, start{payment, id, tc.total, tc.want})
		}
		for _, it := range all {
			rec := r.waitFor(it.id, it.want)
			if rec.Attempts != 1 || rec.State == refund.Succeeded && rec.ReasonCode != "proven_by_total" {
				t.Errorf("%s", r.story(rec))
			}
			r.moved(company, it.payment, it.total)
		}
	})
}

func TestRefundByHandAfterwardsChangesNothing(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		id := r.enqueue(request(company, payment, "100.00"))
		before := r.waitFor(id, refund.Succeeded)
		r.byHand(company, payment, 70_00)
		if got := r.ask(request(company, payment, "100.00")); got.Status != tasks.Duplicate {
			t.Errorf("the window does not hold: %+v", got)
		}
		next := r.waitFor(r.enqueue(request(company, payment, "50.00")), refund.Succeeded)
		if next.Baseline == nil || *next.Baseline != 170_00 {
			t.Errorf("%s", r.story(next))
		}
		if after := r.get(id); after.Version != before.Version {
			t.Errorf("%s", r.story(after))
		}
		r.moved(company, payment, 220_00)
	})
}

func TestPaymentIDInAnotherSpellingIsOnePayment(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment := r.pays(company, 500_00)
		spelled := strings.ToUpper(payment)
		if company == sandbox.UnitPay {
			spelled = "000" + payment
		}
		id := r.enqueue(request(company, payment, "100.00"))
		if got := r.ask(request(company, spelled, "100.0")); got.Status != tasks.Duplicate || got.ExistingID != id {
			t.Errorf("%s: %+v", spelled, got)
		}
		same := request(company, spelled, "100")
		same.RefundID = id
		if got := r.ask(same); got.Status != tasks.Existing {
			t.Errorf("the same refund in another spelling: %+v", got)
		}
		r.foreign(company, "spelled", payload(company, spelled, "100.00"))
		if rec := r.waitFor("spelled", refund.Declined); rec.ReasonCode != "duplicate" || rec.PaymentID != payment {
			t.Errorf("%s", r.story(rec))
		}
		r.waitFor(id, refund.Succeeded)
		r.moved(company, payment, 100_00)
		r.calls(company, 1)
	})
}

// What somebody else has only requested counts in the baseline, and if it is
// rejected the total falls by as much as ours may have added: that it did not
// rise proves nothing then.
func TestRefundOfOthersThatIsRejectedLaterHidesOurs(t *testing.T) {
	r := newRig(t, setup{companies: []string{sandbox.Maib}, sandbox: sandbox.Options{SettleDelay: 900 * time.Millisecond},
		// Nobody listens there, so that no callback helps.
		provider: map[string]string{"reconcile": "{first: 2s, settle: 5s}", "maib/callback_url": "http://127.0.0.1:1"}})
	payment := r.pays(sandbox.Maib, 500_00)
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.RejectedLater}, sandbox.Fault{Kind: sandbox.ResetAfter})
	r.otherSoftware(payment, "100.00")
	r.start()
	id := r.enqueue(request(sandbox.Maib, payment, "100.00"))
	if rec := r.waitFor(id, refund.Succeeded, refund.Review); rec.ReasonCode != "not_proven" || rec.BasePending != 100_00 {
		t.Errorf("%s", r.story(rec))
	}
	r.until("settled", func() bool { return r.companies.Pending(sandbox.Maib, payment) == 0 })
	r.moved(sandbox.Maib, payment, 100_00)
}

// otherSoftware refunds at maib over its API, with the account that we have.
func (r *rig) otherSoftware(payment, amount string) {
	r.t.Helper()
	post := func(path, token, body string) []byte {
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.companies.BaseURL(sandbox.Maib)+path, strings.NewReader(body))
		if err != nil {
			r.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			r.t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			r.t.Fatalf("%s: %s %v", path, resp.Status, err)
		}
		return answer
	}
	var token struct {
		Result struct {
			AccessToken string `json:"accessToken"`
		} `json:"result"`
	}
	answer := post("/v2/auth/token", "", fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, sandbox.MaibClientID, sandbox.MaibClientSecret))
	if err := json.Unmarshal(answer, &token); err != nil {
		r.t.Fatal(err)
	}
	post("/v2/payments/"+payment+"/refund", token.Result.AccessToken, fmt.Sprintf(`{"amount":%s,"reason":"in the portal"}`, amount))
}

// Of a refund that was refused nothing is unproven, but the same money may have
// gone back by other hands while it stood in review.
func TestRetryOfWhatWasRefundedByHandIsRefused(t *testing.T) {
	r := newRig(t, setup{companies: []string{sandbox.Maib}, provider: noResends})
	r.start()
	payment := r.pays(sandbox.Maib, 500_00)
	r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.HTMLBefore, Status: 200, Body: echo(sandbox.Maib, `"14000"`, "refunds are off for this merchant")})
	id := r.enqueue(request(sandbox.Maib, payment, "100.00"))
	r.waitFor(id, refund.Review)
	r.byHand(sandbox.Maib, payment, 100_00)
	if rec := r.retry(id, false); rec.State != refund.Review || rec.Request != nil {
		t.Errorf("%s", r.story(rec))
	}
	r.moved(sandbox.Maib, payment, 100_00)
	// By the operator's word, which says that it was something else.
	r.retry(id, true)
	r.waitFor(id, refund.Succeeded)
	r.moved(sandbox.Maib, payment, 200_00)
}
