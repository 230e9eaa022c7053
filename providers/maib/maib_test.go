package maib_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/maib"
	"refundworker/providers/providertest"
)

const (
	payID    = "8ce09e40-2948-4225-a9c4-f277dbd587e0"
	refundID = "8ce09e40-2948-4225-a9c4-f277dbd587ea"
	zeroID   = "00000000-0000-0000-0000-000000000000"
	tokenOK  = `{"result":{"accessToken":"t0ken","expiresIn":300,"tokenType":"Bearer"},"ok":true,"errors":null}`
)

var secrets = map[string]string{"client_id": "cl1ent-id", "client_secret": "cl1ent-s3cret"}

func ok(body string) providertest.Reply { return providertest.Reply{Body: body} }

// account answers token requests properly and all else with reply.
func account(t testing.TB, reply providertest.Reply, change ...func(*providers.Settings)) (providers.Account, *providertest.Wire) {
	t.Helper()
	return scripted(t, func(_ int, r *http.Request) providertest.Reply {
		if r.URL.Path == "/v2/auth/token" {
			return ok(tokenOK)
		}
		return reply
	}, change...)
}

func scripted(t testing.TB, script func(int, *http.Request) providertest.Reply, change ...func(*providers.Settings)) (providers.Account, *providertest.Wire) {
	t.Helper()
	w := providertest.NewWire(t, script)
	s := w.Settings(t, maib.Driver{}, "", secrets)
	for _, f := range change {
		f(&s)
	}
	return providertest.Open(t, maib.Driver{}, s), w
}

func callback(s *providers.Settings) { s.Texts["callback_url"] = "https://refunds.example.com/" }

func TestRequestsAreAsDocumented(t *testing.T) {
	for golden, minor := range map[string]int64{"partial.http": 5061, "full.http": 0} {
		a, w := account(t, ok(providertest.Canned(t, "refund_created.json")), callback)
		if out := a.Refund(context.Background(), providertest.Attempt(payID, minor, "MDL")); out.Kind != providers.Accepted {
			t.Errorf("%s: %+v", golden, out)
		}
		providertest.Golden(t, golden, strings.Join(w.Requests(), "\n"))
	}
	a, w := account(t, ok(providertest.Canned(t, "refund_status.json")))
	if _, err := a.(providers.RefundStatuser).RefundStatus(context.Background(), refundID); err != nil {
		t.Error(err)
	}
	if _, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: payID, Currency: "MDL"}); err != nil {
		t.Error(err)
	}
	providertest.Golden(t, "lookups.http", strings.Join(w.Requests()[1:], "\n"))
}

func TestPartWithoutAnAmountIsNotSent(t *testing.T) {
	a, w := account(t, ok(providertest.Canned(t, "refund_created.json")))
	at := providers.Attempt{PaymentID: payID, Currency: "MDL", Reason: "x", Deadline: time.Now().Add(time.Second)}
	if out := a.Refund(context.Background(), at); out.Kind != providers.Unavailable || len(w.Requests()) != 0 {
		t.Errorf("%+v, requests %v; want nothing sent", out, w.Requests())
	}
}

func TestOutcomesByAnswer(t *testing.T) {
	result := func(id, status string) providertest.Reply {
		return ok(`{"result":{"refundId":"` + id + `","status":"` + status + `"},"ok":true,"errors":null}`)
	}
	refusal := func(status int, code string) providertest.Reply {
		return providertest.Reply{Status: status, Body: `{"errors":[{"errorCode":"` + code + `","errorMessage":"m","errorArgs":{"qrId":"1"}}],"ok":false}`}
	}
	for _, tc := range []struct {
		name    string
		reply   providertest.Reply
		kind    providers.Kind
		refused bool
		code    string
		id      string
	}{
		{"documented answer: accepted", ok(providertest.Canned(t, "refund_created.json")), providers.Accepted, false, "Created", refundID},
		{"requested: accepted", result(refundID, "requested"), providers.Accepted, false, "requested", refundID},
		{"manual: accepted, the status tells", result(refundID, "MANUAL"), providers.Accepted, false, "MANUAL", refundID},
		{"completed: succeeded", result(strings.ToUpper(refundID), "ACCEPTED"), providers.Succeeded, false, "ACCEPTED", refundID},
		{"rejected: declined", result(refundID, "Rejected"), providers.Declined, false, "Rejected", refundID},
		{"zero id: accepted without an id", result(zeroID, "Created"), providers.Accepted, false, "Created", ""},
		{"zero id, completed: succeeded without an id", result(zeroID, "Accepted"), providers.Succeeded, false, "Accepted", ""},
		{"unknown status with an id: accepted", result(refundID, "Odd"), providers.Accepted, false, "", refundID},
		{"no status with an id: accepted", ok(`{"result":{"refundId":"` + refundID + `"},"ok":true}`), providers.Accepted, false, "", refundID},
		{"unknown status without an id: unknown", result(zeroID, "Odd"), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"id that is none: unknown", ok(`{"result":{"refundId":"1"},"ok":true}`), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"result without ok: unknown, with its id", ok(`{"result":{"refundId":"` + refundID + `","status":"Accepted"}}`), providers.Unknown, false, providers.CodeUnreadable, refundID},
		{"ok false beside a result: unknown", ok(`{"result":{"refundId":"` + refundID + `","status":"Accepted"},"ok":false}`), providers.Unknown, false, providers.CodeUnreadable, refundID},
		{"errors beside a result: unknown", ok(`{"result":{"refundId":"` + refundID + `","status":"Accepted"},"ok":true,"errors":[{"errorCode":"14005"}]}`), providers.Unknown, false, "14005", refundID},
		{"empty errors beside a result: accepted", ok(`{"result":{"refundId":"` + refundID + `","status":"Created"},"ok":true,"errors":[]}`), providers.Accepted, false, "Created", refundID},
		{"completed with HTTP 500: unknown", providertest.Reply{Status: 500, Body: `{"result":{"refundId":"` + refundID + `","status":"Accepted"},"ok":true}`}, providers.Unknown, false, "http_500", refundID},
		{"completed with HTTP 404: unknown", providertest.Reply{Status: 404, Body: `{"result":{"refundId":"` + refundID + `","status":"Accepted"},"ok":true}`}, providers.Unknown, false, "http_404", refundID},
		{"first documented refusal: declined", refusal(409, "14003"), providers.Declined, false, "14003", ""},
		{"last documented refusal: declined", refusal(404, "maib.merchant.payments-14016"), providers.Declined, false, "maib.merchant.payments-14016", ""},
		{"code as a number: declined", providertest.Reply{Status: 409, Body: `{"errors":[{"errorCode":14015}],"ok":false}`}, providers.Declined, false, "14015", ""},
		{"HTTP 200 without ok: declined", ok(providertest.Canned(t, "refund_bare_error.json")), providers.Declined, false, "14005", ""},
		{"refusal with HTTP 500: unknown", refusal(500, "14015"), providers.Unknown, false, "14015", ""},
		{"code before the range: unknown, refused", refusal(409, "14002"), providers.Unknown, true, "14002", ""},
		{"code after the range: unknown, refused", refusal(409, "14017"), providers.Unknown, true, "14017", ""},
		{"longer number: unknown, refused", refusal(409, "114005"), providers.Unknown, true, "114005", ""},
		{"no number: unknown, refused", refusal(409, "payments"), providers.Unknown, true, "payments", ""},
		{"two codes of one meaning: declined", ok(`{"errors":[{"errorCode":"14005"},{"errorCode":"14015"}],"ok":false}`), providers.Declined, false, "14005", ""},
		{"two codes of two meanings: unknown, refused", ok(`{"errors":[{"errorCode":"14005"},{"errorCode":"12000"}],"ok":false}`), providers.Unknown, true, "14005", ""},
		{"invalid parameter: unknown, refused", refusal(400, "12000"), providers.Unknown, true, "12000", ""},
		{"invalid request: unknown, refused", refusal(422, "12001"), providers.Unknown, true, "12001", ""},
		{"internal error: unknown", refusal(500, "10000"), providers.Unknown, false, "10000", ""},
		{"internal error with HTTP 200: unknown", refusal(200, "10000"), providers.Unknown, false, "10000", ""},
		{"merchant not active: misconfigured", refusal(409, "14000"), providers.Misconfigured, false, "14000", ""},
		{"fresh token refused: misconfigured", refusal(401, "11000"), providers.Misconfigured, false, "11000", ""},
		{"bare 401: misconfigured", providertest.Reply{Status: 401}, providers.Misconfigured, false, "http_401", ""},
		{"gateway's 403: unknown", providertest.Reply{Status: 403, Body: `{"supportId":"1"}`}, providers.Unknown, false, "http_403", ""},
		{"errors of another shape: unknown", ok(`{"errors":"14005","ok":false}`), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"ok without a result: unknown", ok(`{"ok":true}`), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"empty object: unknown", ok(`{}`), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"web page: unknown", ok(`<html>`), providers.Unknown, false, providers.CodeUnreadable, ""},
		{"HTTP 429: rate limited", providertest.Reply{Status: 429}, providers.RateLimited, false, "http_429", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, w := account(t, tc.reply)
			out := a.Refund(context.Background(), providertest.Attempt(payID, 100, "MDL"))
			if out.Kind != tc.kind || out.Refused != tc.refused || out.Code != tc.code || out.ProviderRefundID != tc.id {
				t.Errorf("%+v, want %v refused=%v %q id %q", out, tc.kind, tc.refused, tc.code, tc.id)
			}
			if n := len(w.Requests()); n != 2 {
				t.Errorf("%d requests, want a token and one refund", n)
			}
		})
	}
}

func TestMessagesHideTokenAndCallback(t *testing.T) {
	var url string
	a, _ := scripted(t, func(_ int, r *http.Request) providertest.Reply {
		if r.URL.Path == "/v2/auth/token" {
			return ok(tokenOK)
		}
		echo := base64.StdEncoding.EncodeToString([]byte("Bearer t0ken-and-more")) + " t0ken cl1ent-s3cret " + url
		return providertest.Reply{Status: 409, Body: `{"errors":[{"errorCode":"14005","errorMessage":"` + echo + `"}],"ok":false}`}
	}, callback)
	url = a.(providers.CallbackReceiver).CallbackURL("r-1")
	out := a.Refund(context.Background(), providertest.Attempt(payID, 100, "MDL"))
	for _, leak := range []string{"t0ken", "cl1ent-s3cret", url[strings.LastIndex(url, "/")+1:]} {
		if strings.Contains(out.Message, leak) {
			t.Errorf("message %q holds %q", out.Message, leak)
		}
	}
}

func TestCallbackAddressesAreOnesOwn(t *testing.T) {
	a, _ := account(t, ok(`{}`), callback)
	c := a.(providers.CallbackReceiver)
	url := c.CallbackURL("r-1")
	const prefix = "https://refunds.example.com/callbacks/maib/r-1/"
	token, found := strings.CutPrefix(url, prefix)
	if !found {
		t.Fatalf("%s does not start with %s", url, prefix)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 {
		t.Errorf("token %q is not 32 bytes", token)
	}
	if !c.KnowsCallback("r-1", token) {
		t.Error("its own token is not known")
	}
	for name, known := range map[string]bool{
		"another refund": c.KnowsCallback("r-2", token),
		"no token":       c.KnowsCallback("r-1", ""),
		"shorter":        c.KnowsCallback("r-1", token[:42]),
	} {
		if known {
			t.Errorf("%s: known", name)
		}
	}
	other, _ := account(t, ok(`{}`), callback, func(s *providers.Settings) { s.Name = "maib2" })
	if other.(providers.CallbackReceiver).KnowsCallback("r-1", token) {
		t.Error("another provider knows the token")
	}
	none, _ := account(t, ok(`{}`))
	if got := none.(providers.CallbackReceiver).CallbackURL("r-1"); got != "" || none.(providers.CallbackReceiver).KnowsCallback("r-1", token) {
		t.Errorf("without callback_url there is %q", got)
	}
}
