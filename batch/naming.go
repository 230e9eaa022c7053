package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"refundworker/refund"
)

// Naming makes the refund ids of rows that have none. It remembers how often
// each content came, at about 40 bytes for each different one.
type Naming struct {
	BatchID string // sets files apart in which equal rows are meant as different refunds
	seen    map[[16]byte]uint32
}

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
// Order.RefundID is not looked at.
func (n *Naming) ID(o refund.Order) string {
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
	key := hash(text)
	if n.seen == nil {
		n.seen = map[[16]byte]uint32{}
	}
	n.seen[key]++
	text[len(text)-1] = ','
	text = append(refund.AppendText(text, strconv.FormatUint(uint64(n.seen[key]), 10)), ']')
	name := hash(text)
	return "b-" + hex.EncodeToString(name[:])
}

func hash(text []byte) [16]byte {
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
