package all_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/all"
	"refundworker/providers/providertest"
)

// network answers a request for a token with one, and the rest as it is told.
type network func() (int, string, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := n()
	if strings.HasSuffix(r.URL.Path, "/auth/token") {
		status, body, err = http.StatusOK, `{"result":{"accessToken":"`+benchToken+`","expiresIn":86400,"tokenType":"Bearer"},"ok":true}`, nil
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// benchToken is as long as a small JWT.
var benchToken = strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", 20)

// BenchmarkDrivers measures what a driver adds to a call: from the attempt to
// the request ("encode": the network fails at once), and to the outcome of an
// answer.
func BenchmarkDrivers(b *testing.B) {
	canned := func(driver, file string) string { return providertest.Canned(b, "../../"+driver+"/testdata/"+file) }
	secrets := map[string]string{"secret_key": "3f1c9e0a7b5d4c2e8f6a1b0c9d8e7f6a", "client_id": "51e47c0f-3c8e-4a4e-9d0e-3a9f5a8d2c11",
		"client_secret": "d1b2a9c4-7f0e-4b6d-8a3c-5e9f1c2b3a4d", "username": "shop-api", "password": "correct-horse-battery"}
	for driver, answers := range map[string]struct{ paid, refused, status string }{
		"unitpay":  {"refund_success.json", "refund_declined.json", "getPayment.json"},
		"maib":     {"refund_created.json", "refund_bare_error.json", "refund_status.json"},
		"sberbank": {"refund_success.json", "refund_unknown_order.json", "status.json"},
	} {
		d, ok := all.ByName(driver)
		if !ok {
			b.Fatal(driver)
		}
		var body string
		var broken error
		s := providertest.SettingsFor(b, d, "https://provider.example/api", secrets)
		s.Transport = network(func() (int, string, error) { return http.StatusOK, body, broken })
		if driver == "maib" {
			s.Texts["callback_url"] = "https://refunds.shop.example"
		}
		a := providertest.Open(b, d, s)
		at := providertest.Attempt(wires[driver].payment, 100_000, wires[driver].currency)
		refund := func(name, answer string, fails error, want func(providers.Outcome) bool) {
			b.Run(driver+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				body, broken = answer, fails
				for b.Loop() {
					if out := a.Refund(b.Context(), at); !want(out) {
						b.Fatalf("%+v", out)
					}
				}
			})
		}
		refund("encode", "", errors.New("broken"), func(o providers.Outcome) bool { return o.Code == providers.CodeUnreadable })
		refund("paid", canned(driver, answers.paid), nil, func(o providers.Outcome) bool { return o.Kind == providers.Succeeded || o.Kind == providers.Accepted })
		refund("refused", canned(driver, answers.refused), nil, func(o providers.Outcome) bool { return o.Kind == providers.Declined })
		b.Run(driver+"/status", func(b *testing.B) {
			b.ReportAllocs()
			body, broken = canned(driver, answers.status), nil
			q := providers.PaymentQuery{PaymentID: wires[driver].payment, Currency: wires[driver].currency}
			if driver == "unitpay" {
				q.PaymentID = "153091501"
			}
			for b.Loop() {
				if _, err := a.(providers.PaymentStatuser).PaymentStatus(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
