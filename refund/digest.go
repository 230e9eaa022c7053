package refund

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Digest identifies the content that counts: provider, payment, canonical
// amount, currency, total and receipt. Two requests with one refund id and one
// digest are the same refund; reason and metadata may differ. It is 128 bits of
// SHA-256, as 22 digits of base64: short, because every refund is kept with it.
func (o Order) Digest() string {
	amount := "full"
	if !o.Full {
		amount = strconv.FormatInt(o.Amount.Minor, 10)
	}
	// A JSON array of them.
	content := append(make([]byte, 0, 192), '[')
	for _, part := range [...]string{o.Provider, o.PaymentID, amount, string(o.Amount.Currency), strconv.FormatInt(o.Total.Minor, 10)} {
		content = append(AppendText(content, part), ',')
	}
	if o.Receipt == nil {
		content = append(content, "null]"...)
	} else {
		content = append(append(content, encoded(o.Receipt)...), ']')
	}
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// encoded is the JSON of a part of a checked order.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("refund: a checked order is always encodable: " + err.Error())
	}
	return b
}
