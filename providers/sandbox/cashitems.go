package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// cashItem is one line of a receipt as UnitPay documents it. Numbers must be
// JSON numbers.
type cashItem struct {
	Name          string           `json:"name"`
	Count         *json.RawMessage `json:"count"`
	Price         *json.RawMessage `json:"price"`
	Sum           *json.RawMessage `json:"sum"`
	Currency      string           `json:"currency"`
	Nds           string           `json:"nds"`
	Type          string           `json:"type"`
	PaymentMethod string           `json:"paymentMethod"`
}

var (
	cashTaxes = []string{"", "none", "vat0", "vat5", "vat7", "vat10", "vat20", "vat22",
		"vat105", "vat107", "vat110", "vat120", "vat122"}
	cashMethods = []string{"", "full_prepayment", "prepayment", "advance", "full_payment"}
)

// readCashItems reads the receipt that came with a refund of minor units, if
// one did. The items must add up to the refund: UnitPay doesn't document that
// it checks this, but the tax office expects it, and so does the sandbox.
func readCashItems(params unitpayParams, minor int64) (*Receipt, error) {
	encoded, sent := params.lookup("cashItems")
	if !sent {
		return nil, nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, errors.New("cashItems is not base64")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	var items []cashItem
	if err := dec.Decode(&items); err != nil || dec.More() {
		return nil, errors.New("cashItems is not a JSON array of items")
	}
	if len(items) == 0 || len(items) > 100 {
		return nil, errors.New("cashItems must have 1 to 100 items")
	}
	var total decimal.Decimal
	for i, item := range items {
		sum, err := item.total()
		if err != nil {
			return nil, fmt.Errorf("cashItems item %d: %w", i+1, err)
		}
		total = total.Add(sum)
	}
	if !total.Equal(decimal.New(minor, -2)) {
		return nil, fmt.Errorf("cashItems add up to %s, the refund is %s", total, decimal.New(minor, -2))
	}
	return &Receipt{Items: string(raw), CustomerEmail: params.get("customerEmail"), CustomerPhone: params.get("customerPhone")}, nil
}

// total checks the item and returns its sum in major units.
func (i cashItem) total() (decimal.Decimal, error) {
	switch {
	case i.Name == "" || utf8.RuneCountInString(i.Name) > 128:
		return decimal.Zero, errors.New("name must have 1 to 128 characters")
	case i.Count == nil || i.Price == nil:
		return decimal.Zero, errors.New("count and price are required")
	case !slices.Contains(cashTaxes, i.Nds):
		return decimal.Zero, errors.New("nds is not a rate")
	case !slices.Contains(cashMethods, i.PaymentMethod):
		return decimal.Zero, errors.New("paymentMethod is not a method")
	}
	count, err := wireNumber(i.Count)
	if err != nil {
		return decimal.Zero, err
	}
	price, err := wireNumber(i.Price)
	if err != nil {
		return decimal.Zero, err
	}
	if i.Sum != nil {
		return wireNumber(i.Sum)
	}
	return count.Mul(price), nil
}

// wireNumber reads a JSON number exactly; a string or a negative one is refused.
func wireNumber(raw *json.RawMessage) (decimal.Decimal, error) {
	d, err := decimal.NewFromString(string(*raw)) // a quoted one is no decimal
	if err != nil || d.IsNegative() {
		return decimal.Zero, errors.New("count, price and sum must be JSON numbers")
	}
	return d, nil
}
