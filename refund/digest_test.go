package refund_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"

	"refundworker/refund"
)

// FuzzDigest holds the digest against encoding/json: refunds were claimed under
// what it makes of them, so it must never come out otherwise.
func FuzzDigest(f *testing.F) {
	f.Add("unitpay", "1234512345", int64(100_00), "RUB", int64(0), "")
	f.Add("<shop> & \"co\"\\", "ä\u2028\x7f\xff\n", int64(0), "", int64(5), "tea")
	f.Fuzz(func(t *testing.T, provider, payment string, amount int64, currency string, total int64, item string) {
		o := refund.Order{Provider: provider, PaymentID: payment, Full: amount == 0,
			Amount: refund.Money{Minor: amount, Currency: refund.Currency(currency)}, Total: refund.Money{Minor: total}}
		if item != "" {
			o.Receipt = &refund.Receipt{Items: []refund.Item{{Name: item}}}
		}
		text := strconv.FormatInt(amount, 10)
		if o.Full {
			text = "full"
		}
		content, err := json.Marshal([]any{provider, payment, text, currency, strconv.FormatInt(total, 10), o.Receipt})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got, want := o.Digest(), base64.RawURLEncoding.EncodeToString(sum[:16]); got != want {
			t.Errorf("%s: %s, want %s", content, got, want)
		}
	})
}
