package sberbank_test

import (
	"context"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/sberbank"
)

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"operations":[` + op("REFUND_PAYMENT", "100000", "true") + `],"errorCode":"0"}`,
		`{"operations":[` + op("REFUND_PAYMENT", "1", "true") + `,` + op("REFUND_AWARD", `"2"`, `"false"`) + `],"ErrorCode":7}`,
		`{"errorCode":0}`, `{"errorCode":"5","errorMessage":"x"}`, `{}`, `{"operations":`,
		`{"currency":643,"paymentAmountInfo":{"depositedAmount":"1","refundedAmount":2},"loyaltyInfo":{"paymentBonus":{"refundedAmountBonus":3}}}`,
	} {
		f.Add(200, []byte(body))
		f.Add(502, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		s := providertest.SettingsFor(t, sberbank.Driver{}, "https://bank.example/rest", secrets)
		s.Transport = providertest.Body(status, body)
		a := providertest.Open(t, sberbank.Driver{}, s)
		out := a.Refund(context.Background(), providertest.Attempt(orderID, 100000, "RUB"))
		text := strings.ToLower(strings.ToUpper(string(body)))
		word := strings.Contains(text, "errorcode") || strings.Contains(text, "successful") || strings.Contains(text, `\u`)
		if out.Kind == providers.Succeeded && (status/100 != 2 || !word || out.Moved != nil && *out.Moved != 100000) {
			t.Errorf("%+v on HTTP %d %q", out, status, body)
		}
		if out.Kind == providers.Declined && (status/100 == 5 || !strings.Contains(text, "errorcode") && !strings.Contains(text, `\u`)) {
			t.Errorf("declined without the gateway's word on HTTP %d %q", status, body)
		}
		if out.Kind == providers.Partial && len(out.Parts) < 2 {
			t.Errorf("partial with %d parts on %q", len(out.Parts), body)
		}
		if out.Kind == providers.Accepted {
			t.Error("sberbank has no accepted outcome")
		}
		got, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: orderID, Currency: "RUB"})
		if total, ok := got.Total(); err == nil && ok && total < 0 {
			t.Errorf("negative figures %+v from %q", got, body)
		}
	})
}
