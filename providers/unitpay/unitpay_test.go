package unitpay_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/unitpay"
	"refundworker/refund"
)

const secretKey = "k3y+of/the=project"

func account(t testing.TB, reply providertest.Reply, change ...func(*providers.Settings)) (providers.Account, *providertest.Wire) {
	t.Helper()
	w := providertest.NewWire(t, providertest.Always(reply))
	s := w.Settings(t, unitpay.Driver{}, "/api", map[string]string{"secret_key": secretKey})
	for _, f := range change {
		f(&s)
	}
	return providertest.Open(t, unitpay.Driver{}, s), w
}

func ok(body string) providertest.Reply { return providertest.Reply{Body: body} }

func TestRequestsAreAsDocumented(t *testing.T) {
	receipt := &refund.Receipt{CustomerEmail: "a+b@example.com", CustomerPhone: "+79990000000", Items: []refund.Item{
		{Name: "Tea & <cake>", Count: "1.5", Price: "100.00", Currency: "RUB", Nds: "vat20", Type: "commodity", PaymentMethod: "full_payment", Sum: "150.00"}}}
	flat := func(s *providers.Settings) { s.Texts["param_style"] = "flat" }
	test := func(s *providers.Settings) { s.Flags["test"] = true }
	for _, tc := range []struct {
		golden  string
		minor   int64
		receipt *refund.Receipt
		change  []func(*providers.Settings)
	}{
		{"partial.http", 10000, nil, nil},
		{"full.http", 0, nil, nil},
		{"flat_test_receipt.http", 15000, receipt, []func(*providers.Settings){flat, test}},
	} {
		a, w := account(t, ok(`{"result":{}}`), tc.change...)
		at := providertest.Attempt("1234512345", tc.minor, "RUB")
		at.Receipt = tc.receipt
		if out := a.Refund(context.Background(), at); out.Kind != providers.Succeeded {
			t.Errorf("%s: %+v", tc.golden, out)
		}
		providertest.Golden(t, tc.golden, strings.Join(w.Requests(), "\n"))
	}
	a, w := account(t, ok(providertest.Canned(t, "getPayment.json")))
	if _, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: "153091501", Currency: "RUB"}); err != nil {
		t.Error(err)
	}
	providertest.Golden(t, "getPayment.http", strings.Join(w.Requests(), "\n"))
}

func TestCashItemsMatchTheDocumentedVector(t *testing.T) {
	a, w := account(t, ok(`{"result":{}}`))
	at := providertest.Attempt("1", 1000, "RUB")
	at.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "Хостинг на 1 месяц", Count: "1", Price: "10", Type: "commodity"}}}
	a.Refund(context.Background(), at)
	const vector = "W3sibmFtZSI6ItCl0L7RgdGC0LjQvdCzINC90LAgMSDQvNC10YHRj9GGIiwiY291bnQiOjEsInByaWNlIjoxMCwidHlwZSI6ImNvbW1vZGl0eSJ9XQ%3D%3D"
	if got := w.Requests()[0]; !strings.Contains(got, "&params%5BcashItems%5D="+vector+"&") {
		t.Errorf("cashItems is not the vector: %s", got)
	}
}

func TestAmountsAreSaidWithTwoDecimals(t *testing.T) {
	a, w := account(t, ok(`{"result":{}}`))
	for i, tc := range []struct {
		minor    int64
		currency refund.Currency
		want     string
	}{{1, "RUB", "0.01"}, {50, "RUB", "0.50"}, {123456, "RUB", "1234.56"}, {1500, "JPY", "1500.00"}, {1230, "KWD", "1.23"}} {
		a.Refund(context.Background(), providertest.Attempt("1", tc.minor, tc.currency))
		if got := w.Requests()[i]; !strings.Contains(got, "sum%5D="+tc.want+"&") {
			t.Errorf("%d %s: %s, want %s", tc.minor, tc.currency, got, tc.want)
		}
	}
}

func TestAmountsThatCannotBeSaidAreNotSent(t *testing.T) {
	a, w := account(t, ok(`{"result":{}}`))
	for name, at := range map[string]providers.Attempt{
		"a part without an amount": {PaymentID: "1", Currency: "RUB", Deadline: time.Now().Add(time.Second)},
		"a negative amount":        providertest.Attempt("1", -1, "RUB"),
		"a thousandth":             providertest.Attempt("1", 1005, "KWD"),
	} {
		if out := a.Refund(context.Background(), at); out.Kind != providers.Unavailable || out.Code != providers.CodeNotSent {
			t.Errorf("%s: %+v, want not sent", name, out)
		}
	}
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestOutcomesByAnswer(t *testing.T) {
	for _, tc := range []struct {
		name    string
		reply   providertest.Reply
		kind    providers.Kind
		refused bool
		code    string
	}{
		{"documented success", ok(providertest.Canned(t, "refund_success.json")), providers.Succeeded, false, ""},
		{"documented success with its trailing comma", ok(providertest.Canned(t, "refund_trailing_comma.json")), providers.Succeeded, false, ""},
		{"empty result object: success", ok(`{"result":{}}`), providers.Succeeded, false, ""},
		{"null error beside a result: success", ok(`{"result":{"message":1},"error":null}`), providers.Succeeded, false, ""},
		{"a message that is no text: success all the same", ok(`{"result":{"message":{"text":"x"}}}`), providers.Succeeded, false, ""},
		{"result that is no object: unknown", ok(`{"result":true}`), providers.Unknown, false, providers.CodeUnreadable},
		{"result and error at once: unknown", ok(`{"result":{},"error":{"code":-32602}}`), providers.Unknown, false, providers.CodeUnreadable},
		{"two commas: unknown", ok(`{"result":{"message":"x",,}}`), providers.Unknown, false, providers.CodeUnreadable},
		{"comma before a bracket: unknown", ok(`{"result":{},"a":[1,]}`), providers.Unknown, false, providers.CodeUnreadable},
		{"result with HTTP 404: unknown", providertest.Reply{Status: 404, Body: `{"result":{}}`}, providers.Unknown, false, "http_404"},
		{"result with HTTP 500: unknown", providertest.Reply{Status: 500, Body: `{"result":{}}`}, providers.Unknown, false, "http_500"},
		{"invalid parameters: declined", ok(providertest.Canned(t, "refund_declined.json")), providers.Declined, false, "-32602"},
		{"invalid parameters with HTTP 400: declined", providertest.Reply{Status: 400, Body: `{"error":{"message":"x","code":"-32602"}}`}, providers.Declined, false, "-32602"},
		{"invalid parameters with HTTP 500: unknown", providertest.Reply{Status: 500, Body: `{"error":{"message":"x","code":-32602}}`}, providers.Unknown, false, "-32602"},
		{"authorization: misconfigured", ok(providertest.Canned(t, "refund_credentials.json")), providers.Misconfigured, false, "-32000"},
		{"internal error: unknown", ok(`{"error":{"message":"x","code":-32603}}`), providers.Unknown, false, "-32603"},
		{"no code: unknown, refused", ok(`{"error":{"message":"Платеж не найден"}}`), providers.Unknown, true, ""},
		{"other code: unknown, refused", ok(`{"error":{"message":"x","code":-1}}`), providers.Unknown, true, "-1"},
		{"code with a fraction: unknown, refused", ok(`{"error":{"message":"x","code":-32602.0}}`), providers.Unknown, true, "-32602.0"},
		{"empty error: unknown", ok(`{"error":{}}`), providers.Unknown, false, providers.CodeUnreadable},
		{"empty object: unknown", ok(`{}`), providers.Unknown, false, providers.CodeUnreadable},
		{"empty body: unknown", ok(``), providers.Unknown, false, providers.CodeUnreadable},
		{"web page: unknown", ok(`<html>The refund was successful</html>`), providers.Unknown, false, providers.CodeUnreadable},
		{"web page with HTTP 502: unknown", providertest.Reply{Status: 502, Body: `<html>`}, providers.Unknown, false, "http_502"},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429}, providers.RateLimited, false, "http_429"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, w := account(t, tc.reply)
			out := a.Refund(context.Background(), providertest.Attempt("1", 100, "RUB"))
			if out.Kind != tc.kind || out.Refused != tc.refused || out.Code != tc.code {
				t.Errorf("%+v, want %v refused=%v %q", out, tc.kind, tc.refused, tc.code)
			}
			if n := len(w.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestRetryAfterOfAnUnknownOutcomeIsKept(t *testing.T) {
	a, _ := account(t, providertest.Reply{Status: 503, Header: http.Header{"Retry-After": {"9"}}})
	if out := a.Refund(context.Background(), providertest.Attempt("1", 100, "RUB")); out.Kind != providers.Unknown || out.RetryAfter != 9*time.Second {
		t.Errorf("%+v, want unknown after 9s", out)
	}
}

func TestPaymentStatusByAnswer(t *testing.T) {
	money := func(minor int64) *int64 { return &minor }
	for _, tc := range []struct {
		name, body           string
		refunded, refundable *int64
	}{
		{"documented sample", providertest.Canned(t, "getPayment.json"), money(0), money(1000)},
		{"partly refunded", `{"result":{"paymentId":"153091501","orderSum":10,"orderCurrency":"RUB","availableForRefund":"3.50"}}`, money(650), money(350)},
		{"older answer without what is available", `{"result":{"orderSum":"10.00","orderCurrency":"RUB"}}`, nil, nil},
		{"unreadable sum", `{"result":{"orderSum":"ten","orderCurrency":"RUB","availableForRefund":"3"}}`, nil, money(300)},
		{"negative available", `{"result":{"orderSum":"10","orderCurrency":"RUB","availableForRefund":"-3"}}`, nil, nil},
		{"more available than paid", `{"result":{"orderSum":"10","orderCurrency":"RUB","availableForRefund":"11"}}`, nil, money(1100)},
		{"no currency", `{"result":{"orderSum":"10","availableForRefund":"10"}}`, nil, nil},
		{"unknown currency", `{"result":{"orderSum":"10","orderCurrency":"XYZ","availableForRefund":"10"}}`, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := account(t, ok(tc.body))
			s, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: "153091501", Currency: "RUB"})
			if err != nil {
				t.Fatal(err)
			}
			if !equal(s.Refunded, tc.refunded) || !equal(s.Refundable, tc.refundable) || s.Requested != nil {
				t.Errorf("%+v, want refunded %v, refundable %v", s, tc.refunded, tc.refundable)
			}
		})
	}
}

func TestLookupErrorsByAnswer(t *testing.T) {
	for _, tc := range []struct {
		name        string
		reply       providertest.Reply
		kind        providers.Kind
		unsupported bool
	}{
		{"authorization: misconfigured", ok(`{"error":{"message":"x","code":-32000}}`), providers.Misconfigured, false},
		{"internal error: unknown", ok(`{"error":{"message":"x","code":-32603}}`), providers.Unknown, false},
		{"another error: don't know", ok(`{"error":{"message":"x"}}`), providers.Unknown, true},
		{"error with HTTP 500: unknown", providertest.Reply{Status: 500, Body: `{"error":{"message":"x","code":-32602}}`}, providers.Unknown, false},
		{"another payment: unknown", ok(`{"result":{"paymentId":2,"orderSum":"10","orderCurrency":"RUB","availableForRefund":"10"}}`), providers.Unknown, false},
		{"web page: unknown", ok(`<html>`), providers.Unknown, false},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429}, providers.RateLimited, false},
		{"redirect: unknown", providertest.Reply{Status: 302, Header: http.Header{"Location": {"/"}}}, providers.Unknown, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := account(t, tc.reply)
			_, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: "1", Currency: "RUB"})
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) || lookup.Kind != tc.kind || lookup.Unsupported != tc.unsupported {
				t.Errorf("%+v, want %v unsupported=%v", err, tc.kind, tc.unsupported)
			}
		})
	}
}

func equal(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
