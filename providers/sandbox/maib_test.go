package sandbox_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

func maibBench(t *testing.T, p sandbox.Payment) *bench {
	b := start(t, sandbox.Options{SettleDelay: 10 * time.Second})
	p.Company, p.ID, p.Minor = sandbox.Maib, strings.ToUpper(maibID), 500_00
	b.AddPayment(p)
	return b
}

func (b *bench) maibRefund(body string) answer {
	b.t.Helper()
	return b.maib("POST", "/v2/payments/"+maibID+"/refund", body)
}

// figures returns what maib says of the payment: status refunded/requested/refundable.
func (b *bench) figures() string {
	b.t.Helper()
	var p struct{ status, refunded, requested, refundable any }
	got := b.lookup(sandbox.Maib)
	p.status = field[any](b.t, got, "result", "status")
	p.refunded = field[any](b.t, got, "result", "refundedAmount")
	p.requested = field[any](b.t, got, "result", "requestedRefundAmount")
	p.refundable = field[any](b.t, got, "result", "refundableAmount")
	return fmt.Sprint(p.status, " ", p.refunded, "/", p.requested, "/", p.refundable)
}

func TestMaibMovesMoneyWhenItAccepts(t *testing.T) {
	b := maibBench(t, sandbox.Payment{})
	got := b.maibRefund(`{"amount":50.61,"reason":"one ticket"}`)
	golden := regexp.MustCompile(`^{"result":{"refundId":"[0-9a-f-]{36}","status":"Created"},"ok":true,"errors":null}$`)
	if !golden.MatchString(got.body) || got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	id := field[string](t, got, "result", "refundId")
	for _, step := range []struct {
		wait            time.Duration
		status, figures string
		moved, pending  int64
	}{
		{0, "Created", "Executed 0.00/50.61/449.39", 0, 50_61},
		{5 * time.Second, "Requested", "Executed 0.00/50.61/449.39", 0, 50_61},
		{5 * time.Second, "Accepted", "PartiallyRefunded 50.61/0.00/449.39", 50_61, 0},
	} {
		b.clock.Advance(step.wait)
		got := b.maib("GET", "/v2/payments/refunds/"+id, "")
		if s := field[string](t, got, "result", "status"); s != step.status {
			t.Errorf("status %s, not %s", s, step.status)
		}
		if f := b.figures(); f != step.figures {
			t.Errorf("%s: figures %s, not %s", step.status, f, step.figures)
		}
		if m, p := b.Moved(sandbox.Maib, maibID), b.Pending(sandbox.Maib, maibID); m != step.moved || p != step.pending {
			t.Errorf("%s: moved %d, pending %d", step.status, m, p)
		}
	}
	want := `{"result":{"id":"` + id + `","paymentId":"` + maibID + `","refundType":"Partial","amount":50.61,"currency":"MDL",` +
		`"refundReason":"one ticket","executedAt":"2026-07-01T12:00:10Z","status":"Accepted"},"ok":true,"errors":null}`
	if got := b.maib("GET", "/v2/payments/refunds/"+id, ""); got.body != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
	b.maibRefund(`{"reason":"the rest"}`)
	b.clock.Advance(10 * time.Second)
	if f := b.figures(); f != "Refunded 500.00/0.00/0.00" {
		t.Errorf("after the rest: %s", f)
	}
}

func TestMaibRefundsThatDoNotEndWell(t *testing.T) {
	for kind, want := range map[sandbox.FaultKind]string{
		sandbox.RejectedLater:       "Rejected, Executed 0.00/0.00/500.00, pending 0",
		sandbox.ManualLater:         "Manual, Executed 0.00/100.00/400.00, pending 10000",
		sandbox.RequestedNotCounted: "Accepted, PartiallyRefunded 100.00/0.00/400.00, pending 0",
	} {
		b := maibBench(t, sandbox.Payment{})
		b.Fail(sandbox.Maib, maibID, sandbox.Fault{Kind: kind})
		id := field[string](t, b.do(b.refundRequest(sandbox.Maib)), "result", "refundId")
		if kind == sandbox.RequestedNotCounted {
			if f := b.figures(); f != "Executed 0.00/0.00/500.00" {
				t.Errorf("%s: under way: %s", kind, f)
			}
		}
		b.clock.Advance(10 * time.Second)
		status := field[string](t, b.maib("GET", "/v2/payments/refunds/"+id, ""), "result", "status")
		if got := fmt.Sprintf("%s, %s, pending %d", status, b.figures(), b.Pending(sandbox.Maib, maibID)); got != want {
			t.Errorf("%s: %s, not %s", kind, got, want)
		}
	}
}

func TestMaibRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		payment sandbox.Payment
		before  string
		path    string
		body    string
		status  int
		code    string
	}{
		"unknown payment":           {path: "/v2/payments/" + strings.Replace(maibID, "8", "0", 1) + "/refund", body: `{"reason":"x"}`, status: 409, code: "14003"},
		"an id that is no GUID":     {path: "/v2/payments/12/refund", body: `{"reason":"x"}`, status: 400, code: "12000"},
		"no reason":                 {body: `{"amount":1.00}`, status: 400, code: "12000"},
		"a reason of 501":           {body: `{"reason":"` + strings.Repeat("ы", 501) + `"}`, status: 400, code: "12000"},
		"an amount in quotes":       {body: `{"amount":"1.00","reason":"x"}`, status: 400, code: "12000"},
		"zero":                      {body: `{"amount":0,"reason":"x"}`, status: 400, code: "12000"},
		"three decimals":            {body: `{"amount":1.001,"reason":"x"}`, status: 400, code: "12000"},
		"a callback to a file":      {body: `{"reason":"x","callbackUrl":"file:///etc/passwd"}`, status: 400, code: "12000"},
		"not JSON":                  {body: `amount=1`, status: 400, code: "12001"},
		"no body":                   {status: 400, code: "12001"},
		"a payment that failed":     {payment: sandbox.Payment{Status: "Failed"}, body: `{"reason":"x"}`, status: 409, code: "14013"},
		"already refunded":          {before: `{"reason":"x"}`, body: `{"reason":"x"}`, status: 409, code: "14015"},
		"more than was paid":        {body: `{"amount":500.01,"reason":"x"}`, status: 404, code: "14016"},
		"more than is not promised": {before: `{"amount":450,"reason":"x"}`, body: `{"amount":50.01,"reason":"x"}`, status: 404, code: "14016"},
	} {
		t.Run(name, func(t *testing.T) {
			b := maibBench(t, c.payment)
			if c.before != "" {
				b.maibRefund(c.before)
			}
			pending := b.Pending(sandbox.Maib, maibID)
			if c.path == "" {
				c.path = "/v2/payments/" + maibID + "/refund"
			}
			for _, spelling := range []string{c.code, "maib.merchant.payments-" + c.code} {
				got := b.maib("POST", c.path, c.body)
				if code := field[string](t, got, "errors", 0, "errorCode"); got.status != c.status || code != spelling {
					t.Errorf("%d %s", got.status, got.body)
				}
				if field[bool](t, got, "ok") || strings.Contains(got.body, "result") {
					t.Errorf("it looks good: %s", got.body)
				}
				if c.code == "14016" && !strings.Contains(field[string](t, got, "errors", 0, "errorMessage"), "refundableAmount") {
					t.Errorf("no amount in %s", got.body)
				}
			}
			if b.Pending(sandbox.Maib, maibID) != pending {
				t.Error("it was recorded")
			}
		})
	}
}

func TestMaibTokensExpire(t *testing.T) {
	b := maibBench(t, sandbox.Payment{})
	if got := b.lookup(sandbox.Maib); got.status != 200 {
		t.Fatalf("with a new token: %d", got.status)
	}
	b.clock.Advance(299 * time.Second)
	if got := b.lookup(sandbox.Maib); got.status != 200 {
		t.Errorf("after 299 s: %d", got.status)
	}
	b.clock.Advance(time.Second)
	if got := b.lookup(sandbox.Maib); got.status != 401 || !strings.Contains(got.body, "11000") {
		t.Errorf("after 300 s: %d %s", got.status, got.body)
	}
	b.token = b.newToken()
	b.ExpireTokens()
	if got := b.do(b.refundRequest(sandbox.Maib)); got.status != 401 || b.Pending(sandbox.Maib, maibID) != 0 {
		t.Errorf("after ExpireTokens: %d", got.status)
	}
}

func TestMaibTokenAnswer(t *testing.T) {
	b := maibBench(t, sandbox.Payment{})
	ask := func(id, secret string) answer {
		body := fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, id, secret)
		return b.do(b.request("POST", b.BaseURL(sandbox.Maib)+"/v2/auth/token", "application/json", body))
	}
	golden := regexp.MustCompile(`^{"result":{"accessToken":"[^"]+","expiresIn":300,"tokenType":"Bearer"},"ok":true,"errors":null}$`)
	if got := ask(sandbox.MaibClientID, sandbox.MaibClientSecret); !golden.MatchString(got.body) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := ask(sandbox.MaibClientID, "wrong"); got.status != 401 || !strings.Contains(got.body, `11000"`) {
		t.Errorf("a wrong secret: %d %s", got.status, got.body)
	}
	b.SetCredentials(sandbox.Credentials{MaibClientSecret: "other"})
	if got := ask(sandbox.MaibClientID, "other"); got.status != 200 {
		t.Errorf("the secret that was set: %d %s", got.status, got.body)
	}
}

func TestMaibGatewayRefusesAContentTypeWithoutABody(t *testing.T) {
	b := maibBench(t, sandbox.Payment{})
	r := b.maibRequest("GET", "/v2/payments/"+maibID, "")
	r.Header.Set("Content-Type", "application/json")
	if got := b.do(r); got.status != 403 || !strings.HasPrefix(got.body, `{"supportId":"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	r = b.maibRequest("POST", "/v2/payments/"+maibID+"/refund", `{"reason":"x"}`)
	r.Header.Set("Content-Type", "text/plain")
	if got := b.do(r); got.status != 415 {
		t.Errorf("a body of another type: %d %s", got.status, got.body)
	}
}

func TestMaibMayLackTheRefundLookupOnly(t *testing.T) {
	b := maibBench(t, sandbox.Payment{NoRefundLookup: true})
	id := field[string](t, b.do(b.refundRequest(sandbox.Maib)), "result", "refundId")
	if got := b.maib("GET", "/v2/payments/refunds/"+id, ""); got.status != 404 && got.status != 405 {
		t.Errorf("the refund: %d %s", got.status, got.body)
	}
	if f := b.figures(); f != "Executed 0.00/100.00/400.00" {
		t.Errorf("the payment: %s", f)
	}
}
