package maib_test

import (
	"context"
	"errors"
	"testing"

	"refundworker/providers"
	"refundworker/providers/maib"
	"refundworker/providers/providertest"
	"refundworker/refund"
)

func TestRefundStatusByAnswer(t *testing.T) {
	for status, want := range map[string]providers.Progress{
		"Created": providers.Pending, "requested": providers.Pending, "ACCEPTED": providers.Done,
		"Rejected": providers.Rejected, "Manual": providers.Manual, "Odd": providers.Unclear, "": providers.Unclear,
	} {
		a, _ := account(t, ok(`{"result":{"id":"`+refundID+`","amount":50.61,"currency":"MDL","status":"`+status+`"},"ok":true}`))
		s, err := a.(providers.RefundStatuser).RefundStatus(context.Background(), refundID)
		if err != nil || s.Progress != want || s.Minor == nil || *s.Minor != 5061 || s.Raw != status {
			t.Errorf("%s: %+v, %v; want %v", status, s, err, want)
		}
	}
}

func TestRefundIDsThatIdentifyNothingAreNotAskedAbout(t *testing.T) {
	a, w := account(t, ok(created))
	for _, id := range []string{"", zeroID, "../token", "1"} {
		_, err := a.(providers.RefundStatuser).RefundStatus(context.Background(), id)
		var lookup *providers.LookupError
		if !errors.As(err, &lookup) || !lookup.Unsupported {
			t.Errorf("%q: %v, want not supported", id, err)
		}
	}
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestPaymentStatusByAnswer(t *testing.T) {
	money := func(minor int64) *int64 { return &minor }
	for _, tc := range []struct {
		name, result                    string
		refunded, requested, refundable *int64
		currency                        refund.Currency
	}{
		{"all figures", `{"currency":"eur","refundedAmount":10.5,"requestedRefundAmount":"2.25","refundableAmount":0}`, money(1050), money(225), money(0), "EUR"},
		{"what is under way not told: refunded proves nothing", `{"refundedAmount":10.50,"refundableAmount":1}`, nil, nil, money(100), "MDL"},
		{"null and unreadable", `{"refundedAmount":null,"requestedRefundAmount":-1,"refundableAmount":1.005}`, nil, nil, nil, "MDL"},
		{"unknown currency", `{"currency":"XYZ","refundedAmount":1}`, nil, nil, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := account(t, ok(`{"result":`+tc.result+`,"ok":true}`))
			s, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: payID, Currency: "MDL"})
			if err != nil {
				t.Fatal(err)
			}
			if !equal(s.Refunded, tc.refunded) || !equal(s.Requested, tc.requested) || !equal(s.Refundable, tc.refundable) || s.Currency != tc.currency {
				t.Errorf("%+v, want %v %v %v %s", s, tc.refunded, tc.requested, tc.refundable, tc.currency)
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
		{"not found: don't know", providertest.Reply{Status: 404, Body: "<html>"}, providers.Unknown, true},
		{"method not allowed: don't know", providertest.Reply{Status: 405}, providers.Unknown, true},
		{"refusal: don't know", providertest.Reply{Status: 409, Body: `{"errors":[{"errorCode":"14003"}],"ok":false}`}, providers.Unknown, true},
		{"internal error: unknown", providertest.Reply{Status: 500, Body: `{"errors":[{"errorCode":"10000"}],"ok":false}`}, providers.Unknown, false},
		{"merchant not active: misconfigured", providertest.Reply{Status: 409, Body: `{"errors":[{"errorCode":"14000"}],"ok":false}`}, providers.Misconfigured, false},
		{"fresh token refused: misconfigured", providertest.Reply{Status: 401}, providers.Misconfigured, false},
		{"gateway's 403: unknown", providertest.Reply{Status: 403, Body: `{"supportId":"1"}`}, providers.Unknown, false},
		{"result that is no object: unknown", ok(`{"result":[],"ok":true}`), providers.Unknown, false},
		{"errors beside a result: unknown", ok(`{"result":{},"ok":true,"errors":[{"errorCode":"14003"}]}`), providers.Unknown, false},
		{"another refund: unknown", ok(`{"result":{"id":"` + payID + `","status":"Accepted"},"ok":true}`), providers.Unknown, false},
		{"web page: unknown", ok(`<html>`), providers.Unknown, false},
		{"HTTP 503: unknown", providertest.Reply{Status: 503}, providers.Unknown, false},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429}, providers.RateLimited, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, w := account(t, tc.reply)
			_, err := a.(providers.RefundStatuser).RefundStatus(context.Background(), refundID)
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) || lookup.Kind != tc.kind || lookup.Unsupported != tc.unsupported {
				t.Errorf("%+v, want %v unsupported=%v", err, tc.kind, tc.unsupported)
			}
			if n := len(w.Requests()); n != 2 {
				t.Errorf("%d requests, want a token and one lookup", n)
			}
		})
	}
}

func TestRulesOfOrders(t *testing.T) {
	good := refund.Order{Amount: refund.Money{Minor: 1, Currency: "MDL"}, Reason: "x"}
	for _, tc := range []struct {
		name   string
		change func(*refund.Order)
		field  string
	}{
		{"good", func(*refund.Order) {}, ""},
		{"dollars", func(o *refund.Order) { o.Amount.Currency = "USD" }, ""},
		{"roubles", func(o *refund.Order) { o.Amount.Currency = "RUB" }, "currency"},
		{"no reason", func(o *refund.Order) { o.Reason = " " }, "reason"},
		{"receipt", func(o *refund.Order) { o.Receipt = &refund.Receipt{} }, "receipt"},
	} {
		o := good
		tc.change(&o)
		v := maib.Driver{}.CheckOrder(o)
		if tc.field == "" && v != nil || tc.field != "" && (len(v) != 1 || v[0].Field != tc.field) {
			t.Errorf("%s: %v, want a fault of %q", tc.name, v, tc.field)
		}
	}
	if got, err := (maib.Driver{}).CanonicalPayment("8CE09E40-2948-4225-A9C4-F277DBD587E0"); err != nil || got != payID {
		t.Errorf("%q, %v; want %s", got, err, payID)
	}
	for _, id := range []string{"", zeroID, "1", payID + "0", "{" + payID + "}"} {
		if _, err := (maib.Driver{}).CanonicalPayment(id); err == nil {
			t.Errorf("%q came through", id)
		}
	}
}

func equal(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
