package sberbank_test

import (
	"context"
	"errors"
	"testing"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/refund"
)

func TestPaymentStatusByAnswer(t *testing.T) {
	units := func(n int64) *int64 { return &n }
	for _, tc := range []struct {
		name, body       string
		refunded, left   *int64
		currencyAnswered refund.Currency
	}{
		{"money and points", providertest.Canned(t, "status.json"), units(5000), units(14900), "RUB"},
		{"money only", `{"errorCode":0,"currency":643,"paymentAmountInfo":{"depositedAmount":"100","refundedAmount":50}}`, units(50), units(100), "RUB"},
		{"no code, no currency", `{"paymentAmountInfo":{"depositedAmount":100,"refundedAmount":0}}`, units(0), units(100), "RUB"},
		{"figures missing", `{"errorCode":"0","paymentAmountInfo":{"paymentState":"DEPOSITED"}}`, nil, nil, "RUB"},
		{"code and no figures", `{"errorCode":"0","orderStatus":2}`, nil, nil, "RUB"},
		{"points missing", `{"errorCode":"0","paymentAmountInfo":{"depositedAmount":1,"refundedAmount":1},"loyaltyInfo":{"paymentBonus":{"depositedAmountBonus":2}}}`, nil, units(3), "RUB"},
		{"negative and fractions", `{"errorCode":"0","paymentAmountInfo":{"depositedAmount":-1,"refundedAmount":1.5}}`, nil, nil, "RUB"},
		{"another currency", `{"errorCode":"0","currency":"840","paymentAmountInfo":{"depositedAmount":1,"refundedAmount":0}}`, units(0), units(1), "840"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := account(t, ok(tc.body))
			s, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: orderID, Currency: "RUB"})
			if err != nil {
				t.Fatal(err)
			}
			if !equal(s.Refunded, tc.refunded) || !equal(s.Refundable, tc.left) || s.Requested != nil || s.Currency != tc.currencyAnswered {
				t.Errorf("%+v, want %v %v %s", s, tc.refunded, tc.left, tc.currencyAnswered)
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
		code        string
	}{
		{"without an amount, code 5 means credentials", ok(`{"errorCode":"5","errorMessage":"Доступ запрещён"}`), providers.Misconfigured, false, "5"},
		{"unknown order: don't know", ok(`{"errorCode":"6"}`), providers.Unknown, true, "6"},
		{"may be a system error: unknown", ok(`{"errorCode":"7"}`), providers.Unknown, false, "7"},
		{"error with HTTP 500: unknown", providertest.Reply{Status: 500, Body: `{"errorCode":"6"}`}, providers.Unknown, false, "6"},
		{"neither code nor figures: unknown", ok(`{"orderStatus":2}`), providers.Unknown, false, providers.CodeUnreadable},
		{"currency that is none: unknown", ok(`{"currency":"p&ss=w+rd","paymentAmountInfo":{}}`), providers.Unknown, false, providers.CodeUnreadable},
		{"web page: unknown", ok(`<html>`), providers.Unknown, false, providers.CodeUnreadable},
		{"HTTP 404: unknown", providertest.Reply{Status: 404}, providers.Unknown, false, "http_404"},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429}, providers.RateLimited, false, "http_429"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := account(t, tc.reply)
			_, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: orderID, Currency: "RUB"})
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) || lookup.Kind != tc.kind || lookup.Unsupported != tc.unsupported || lookup.Code != tc.code {
				t.Errorf("%+v, want %v unsupported=%v %s", err, tc.kind, tc.unsupported, tc.code)
			}
		})
	}
}

func equal(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
