package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"refundworker/refund"
)

// Naming makes the refund ids of rows that have none. It remembers how often each
// content came: of 100,000 different ones in memory, of more in temporary files, at
// 20 bytes for each, 40 at times. The memory stays below 16 MiB for 30 million, and
// grows by 1 MiB with each 8 million from there on. The zero value is ready; Close it.
type Naming struct {
	BatchID string // sets files apart in which equal rows are meant as different refunds
	seen    occurrences
}

// Close removes the temporary files.
func (n *Naming) Close() error { return n.seen.close() }

// ID names the next row of that content: "b-" and the first 16 bytes, in hex, of
// the SHA-256 of the JSON array
//
//	["refund-row-1", batch id, provider, payment id, amount, currency, total, occurrence]
//
// of texts, in canonical form: amount and total in minor units, "full" for a
// full refund and "" for no total; occurrence counts the file's rows of that
// content that have no id of their own, from 1.
//
// So the id does not depend on the row's place, its spelling, its reason or its
// receipt: the same row in a corrected or re-saved file is the same refund.
// Order.RefundID is not looked at. The error is one of the temporary files.
func (n *Naming) ID(o refund.Order) (string, error) {
	amount, total := "full", ""
	if !o.Full {
		amount = strconv.FormatInt(o.Amount.Minor, 10)
	}
	if o.Total.Minor > 0 {
		total = strconv.FormatInt(o.Total.Minor, 10)
	}
	text := append(make([]byte, 0, 192), '[')
	for _, part := range [...]string{"refund-row-1", n.BatchID, o.Provider, o.PaymentID, amount, string(o.Amount.Currency), total} {
		text = append(refund.AppendText(text, part), ',')
	}
	text[len(text)-1] = ']'
	occurrence, err := n.seen.next(hash(text))
	if err != nil {
		return "", err
	}
	text[len(text)-1] = ','
	text = append(refund.AppendText(text, strconv.FormatUint(uint64(occurrence), 10)), ']')
	name := hash(text)
	return "b-" + hex.EncodeToString(name[:]), nil
}

func hash(text []byte) content {
	sum := sha256.Sum256(text)
	return content(sum[:16])
}
