package sberbank_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/sberbank"
	"refundworker/refund"
)

const orderID = "70906e55-7114-41d6-8332-4609dc6590f4"

var secrets = map[string]string{"username": "shop-api", "password": "p&ss=w+rd"}

func account(t testing.TB, reply providertest.Reply) (providers.Account, *providertest.Wire) {
	t.Helper()
	if reply.Header == nil {
		reply.Header = http.Header{"Content-Type": {"text/plain;charset=UTF-8"}} // as the gateway has been seen to say
	}
	w := providertest.NewWire(t, providertest.Always(reply))
	return providertest.Open(t, sberbank.Driver{}, w.Settings(t, sberbank.Driver{}, "/payment/rest/", secrets)), w
}

func ok(body string) providertest.Reply { return providertest.Reply{Body: body} }

func TestRequestsAreAsDocumented(t *testing.T) {
	a, w := account(t, ok(providertest.Canned(t, "refund_success.json")))
	if out := a.Refund(context.Background(), providertest.Attempt(orderID, 100000, "RUB")); out.Kind != providers.Succeeded {
		t.Errorf("%+v", out)
	}
	providertest.Golden(t, "autoRefund.http", w.Requests()[0])
	a, w = account(t, ok(providertest.Canned(t, "status.json")))
	if _, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: orderID, Currency: "RUB"}); err != nil {
		t.Error(err)
	}
	providertest.Golden(t, "status.http", w.Requests()[0])
}

func TestFullRefundNeedsItsAmount(t *testing.T) {
	a, w := account(t, ok(providertest.Canned(t, "refund_success.json")))
	if needer, ok := a.(providers.AmountNeeder); !ok || !needer.NeedsAmount() {
		t.Error("the account does not say that it needs the amount")
	}
	full := providertest.Attempt(orderID, 0, "RUB")
	if out := a.Refund(context.Background(), full); out.Kind != providers.Unavailable || out.Code != providers.CodeNotSent {
		t.Errorf("full without an amount: %+v, want not sent", out)
	}
	part := providers.Attempt{PaymentID: orderID, Currency: "RUB", Deadline: time.Now().Add(time.Second)}
	if out := a.Refund(context.Background(), part); out.Kind != providers.Unavailable || len(w.Requests()) != 0 {
		t.Errorf("part without an amount: %+v, %v; want not sent", out, w.Requests())
	}
	full.Minor = 100000
	if out := a.Refund(context.Background(), full); out.Kind != providers.Succeeded {
		t.Errorf("full with its amount: %+v, want succeeded", out)
	}
}

// op is one operation as JSON.
func op(name, amount, successful string) string {
	return `{"pcId":1,"operation":"` + name + `","amount":` + amount + `,"successful":` + successful + `,"transactionId":"9"}`
}

func operations(code string, ops ...string) providertest.Reply {
	body := `{"operations":[` + strings.Join(ops, ",") + `]`
	if code != "" {
		body += `,"errorCode":` + code
	}
	return ok(body + `}`)
}

func TestOutcomesByAnswer(t *testing.T) {
	money, points := op("REFUND_PAYMENT", "1960", "true"), op("REFUND_AWARD", "98040", "true")
	noPoints := op("REFUND_AWARD", "98040", "false")
	with := func(status int, r providertest.Reply) providertest.Reply { r.Status = status; return r }
	for _, tc := range []struct {
		name    string
		reply   providertest.Reply
		kind    providers.Kind
		refused bool
		code    string
		moved   int64 // -1: not said
		parts   int
	}{
		{"documented answer: succeeded", ok(providertest.Canned(t, "refund_success.json")), providers.Succeeded, false, "0", 100000, 0},
		{"code as a number: succeeded", operations(`0`, money, points), providers.Succeeded, false, "0", 100000, 0},
		{"no code: succeeded", operations("", money, points), providers.Succeeded, false, "0", 100000, 0},
		{"ErrorCode in capitals: succeeded", ok(`{"operations":[` + money + `,` + points + `],"ErrorCode":"0"}`), providers.Succeeded, false, "0", 100000, 0},
		{"types that waver: succeeded", operations(`"0"`, op("REFUND_PAYMENT", `"100000"`, `"true"`)), providers.Succeeded, false, "0", 100000, 0},
		{"code alone: succeeded", ok(`{"errorCode":"0"}`), providers.Succeeded, false, "0", -1, 0},
		{"code and no operations: succeeded", ok(`{"operations":null,"errorCode":0}`), providers.Succeeded, false, "0", -1, 0},
		{"empty object: unknown", ok(`{}`), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"no operations and no code: unknown", ok(`{"operations":[]}`), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"empty code: unknown, refused", ok(`{"errorCode":""}`), providers.Unknown, true, "", -1, 0},
		{"other sum than asked: unknown", operations(`"0"`, money), providers.Unknown, false, providers.CodeUnreadable, -1, 1},
		{"payment is no refund: unknown", operations(`"0"`, op("PAYMENT", "100000", "true")), providers.Unknown, false, providers.CodeUnreadable, -1, 1},
		{"one leg of two: partial", operations(`"0"`, money, noPoints), providers.Partial, false, "0", 1960, 2},
		{"one leg of two with an error: partial", operations(`"7"`, money, noPoints), providers.Partial, false, "7", 1960, 2},
		{"no leg: unknown, refused", operations(`"0"`, op("REFUND_PAYMENT", "1960", `"false"`), noPoints), providers.Unknown, true, "0", -1, 2},
		{"no leg with a clear error: declined", operations(`"6"`, noPoints), providers.Declined, false, "6", -1, 1},
		{"every leg with an error: unknown", operations(`"6"`, money, points), providers.Unknown, false, "6", -1, 2},
		{"unreadable leg: unknown", operations(`"0"`, money, op("REFUND_AWARD", "98040", `"maybe"`)), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"leg with a fraction: unknown", operations(`"0"`, op("REFUND_PAYMENT", "100000.5", "true")), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"negative leg: unknown", operations(`"0"`, op("REFUND_PAYMENT", "-1", "true")), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"success with HTTP 502: unknown", with(502, operations(`"0"`, money, points)), providers.Unknown, false, "http_502", -1, 2},
		{"success with HTTP 404: unknown", with(404, operations(`"0"`, money, points)), providers.Unknown, false, "http_404", -1, 2},
		{"code alone with HTTP 404: unknown", with(404, ok(`{"errorCode":"0"}`)), providers.Unknown, false, "http_404", -1, 0},
		{"not a number: declined", ok(`{"errorCode":"1","errorMessage":"x"}`), providers.Declined, false, "1", -1, 0},
		{"wrong parameter: declined", ok(`{"errorCode":4}`), providers.Declined, false, "4", -1, 0},
		{"unknown order: declined", ok(providertest.Canned(t, "refund_unknown_order.json")), providers.Declined, false, "6", -1, 0},
		{"declined with HTTP 500: unknown", with(500, ok(`{"errorCode":"6"}`)), providers.Unknown, false, "6", -1, 0},
		{"access or amount: unknown, refused", ok(`{"errorCode":"5"}`), providers.Unknown, true, "5", -1, 0},
		{"state or system: unknown, refused", ok(`{"errorCode":"7"}`), providers.Unknown, true, "7", -1, 0},
		{"undocumented: unknown, refused", ok(`{"errorCode":"99"}`), providers.Unknown, true, "99", -1, 0},
		{"two codes: unknown", ok(`{"errorCode":"0","ErrorCode":"7"}`), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"web page: unknown", ok(`<html>`), providers.Unknown, false, providers.CodeUnreadable, -1, 0},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429, Body: "<html>"}, providers.RateLimited, false, "http_429", -1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, w := account(t, tc.reply)
			out := a.Refund(context.Background(), providertest.Attempt(orderID, 100000, "RUB"))
			if out.Kind != tc.kind || out.Refused != tc.refused || out.Code != tc.code || len(out.Parts) != tc.parts {
				t.Errorf("%+v, want %v refused=%v %q and %d parts", out, tc.kind, tc.refused, tc.code, tc.parts)
			}
			if (out.Moved == nil) != (tc.moved < 0) || out.Moved != nil && *out.Moved != tc.moved {
				t.Errorf("moved %v, want %d", out.Moved, tc.moved)
			}
			if n := len(w.Requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestPartialOutcomeNamesItsParts(t *testing.T) {
	a, _ := account(t, ok(providertest.Canned(t, "refund_partial.json")))
	out := a.Refund(context.Background(), providertest.Attempt(orderID, 100000, "RUB"))
	want := []providers.Part{
		{Operation: "REFUND_PAYMENT", Minor: 1960, Moved: true, Reference: "1652"},
		{Operation: "REFUND_AWARD", Minor: 98040, Moved: false, Reference: "1653"},
	}
	if out.Kind != providers.Partial || !slices.Equal(out.Parts, want) {
		t.Errorf("%+v, want %v", out, want)
	}
}

func TestRulesOfOrders(t *testing.T) {
	d := sberbank.Driver{}
	for id, want := range map[string]string{
		strings.ToUpper(orderID):               orderID,
		"70906e55-7114-41d6-8332-4609dc6590fG": "70906e55-7114-41d6-8332-4609dc6590fG", // no GUID: as it is
	} {
		if got, err := d.CanonicalPayment(id); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %s", id, got, err, want)
		}
	}
	for _, id := range []string{"", orderID[1:], orderID + "0", strings.Replace(orderID, "-", "_", 1)} {
		if _, err := d.CanonicalPayment(id); err == nil {
			t.Errorf("%q came through", id)
		}
	}
	if v := d.CheckOrder(refund.Order{}); v != nil {
		t.Errorf("faults: %v", v)
	}
	if v := d.CheckOrder(refund.Order{Receipt: &refund.Receipt{}}); len(v) != 1 || v[0].Field != "receipt" {
		t.Errorf("receipt: %v, want a fault", v)
	}
	s := providertest.SettingsFor(t, d, "https://bank.example", secrets)
	s.Texts["language"] = "r1"
	if _, err := d.Open(s); err == nil {
		t.Error("a language that is none came through")
	}
}
