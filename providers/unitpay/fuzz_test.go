package unitpay_test

import (
	"context"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/unitpay"
)

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"result":{"message":"ok",}}`, `{"result":{"message":"a,}"}}`, `{"error":{"code":-32602,"message":"x"}}`,
		`{"result":{},"error":{"code":1}}`, `{"result":{"orderSum":"10","orderCurrency":"RUB","availableForRefund":1}}`, `[`, `{"result":`} {
		f.Add(200, []byte(body))
		f.Add(500, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		s := providertest.SettingsFor(t, unitpay.Driver{}, "https://unitpay.example/api", map[string]string{"secret_key": secretKey})
		s.Transport = providertest.Body(status, body)
		a := providertest.Open(t, unitpay.Driver{}, s)
		out := a.Refund(context.Background(), providertest.Attempt("1", 100, "RUB"))
		word := strings.Contains(strings.ToLower(strings.ToUpper(string(body))), "result") || strings.Contains(string(body), `\u`)
		if out.Kind == providers.Succeeded && (status/100 != 2 || !word) {
			t.Errorf("succeeded on HTTP %d %q", status, body)
		}
		if out.Kind == providers.Declined && !strings.Contains(string(body), "32602") && !strings.Contains(string(body), `\u`) {
			t.Errorf("declined without its one code on HTTP %d %q", status, body)
		}
		if out.Kind == providers.Accepted || out.Kind == providers.Partial {
			t.Errorf("unitpay has no %v", out.Kind)
		}
		got, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: "1", Currency: "RUB"})
		if err == nil && (got.Refunded != nil && *got.Refunded < 0 || got.Refundable != nil && *got.Refundable < 0) {
			t.Errorf("negative figures %+v from %q", got, body)
		}
	})
}
