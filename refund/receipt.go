package refund

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Receipt is the fiscal receipt that an online cash desk prints for a refund.
// The field names of its items are UnitPay's (its cashItems parameter).
type Receipt struct {
	Items         []Item `json:"items"`
	CustomerEmail string `json:"customer_email,omitempty"`
	CustomerPhone string `json:"customer_phone,omitempty"`
}

// Item is one line of a receipt. Price and Sum are in major units.
type Item struct {
	Name          string  `json:"name"`
	Count         Decimal `json:"count"`
	Price         Decimal `json:"price"`
	Currency      string  `json:"currency,omitempty"`
	Nds           string  `json:"nds,omitempty"`
	Type          string  `json:"type,omitempty"`
	PaymentMethod string  `json:"paymentMethod,omitempty"`
	Sum           Decimal `json:"sum,omitempty"`
}

// Decimal is a plain decimal number kept as it was written ("1", "100.00"). It
// is read from a JSON string or number exactly and written as a string; empty
// means absent.
type Decimal string

// UnmarshalJSON takes "100.00" and 100.00; an exponent or a sign is refused.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(b) > 1 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	}
	if len(s) > 20 || !plainDecimal.MatchString(s) {
		return Invalid{{"receipt", fmt.Sprintf("%q is not a plain decimal number such as 100.00", clip(s, 20))}}
	}
	*d = Decimal(s)
	return nil
}

// UnmarshalJSON takes an object with items, or a bare array of items.
func (r *Receipt) UnmarshalJSON(b []byte) error {
	if trimmed := bytes.TrimLeft(b, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return decodeStrict(b, &r.Items)
	}
	type plain Receipt
	return decodeStrict(b, (*plain)(r))
}

// DecodeReceipt reads a receipt file's content, strictly.
func DecodeReceipt(b []byte) (*Receipt, error) {
	if len(b) > MaxRequest {
		return nil, Invalid{{"receipt", fmt.Sprintf("must be at most %d bytes, is %d", MaxRequest, len(b))}}
	}
	if err := inspect(b); err != nil {
		return nil, err
	}
	r := new(Receipt)
	if err := r.UnmarshalJSON(b); err != nil {
		return nil, decodeFault(err)
	}
	return r, nil
}
