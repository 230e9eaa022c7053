package refund

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// Digest identifies the content that counts: provider, payment, canonical
// amount, currency, total and receipt. Two requests with one refund id and one
// digest are the same refund; reason and metadata may differ.
func (o Order) Digest() string {
	amount := "full"
	if !o.Full {
		amount = strconv.FormatInt(o.Amount.Minor, 10)
	}
	content, err := json.Marshal([]any{o.Provider, o.PaymentID, amount, o.Amount.Currency,
		strconv.FormatInt(o.Total.Minor, 10), o.Receipt})
	if err != nil {
		panic("refund: a checked order is always encodable: " + err.Error())
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
