package unitpay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"refundworker/refund"
)

// The limits of a receipt are UnitPay's; those of the customer's addresses are
// the longest e-mail address and phone number that exist (RFC 5321, E.164),
// with room for how people write them.
const (
	maxItems = 100
	maxName  = 128 // characters
	maxType  = 64  // characters
	maxEmail = 254 // characters
	maxPhone = 32  // characters
)

var (
	vatRates       = []string{"none", "vat0", "vat5", "vat7", "vat10", "vat20", "vat22", "vat105", "vat107", "vat110", "vat120", "vat122"}
	paymentMethods = []string{"full_prepayment", "prepayment", "advance", "full_payment"}
	currencyCode   = regexp.MustCompile(`^[A-Z]{3}$`)
	plainNumber    = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

func checkReceipt(r *refund.Receipt, v *refund.Invalid) {
	if r == nil {
		return
	}
	if n := len(r.Items); n < 1 || n > maxItems {
		v.Add("receipt.items", fmt.Sprintf("must be 1 to %d items, are %d", maxItems, n))
		return
	}
	for i, item := range r.Items {
		field := func(name string) string { return fmt.Sprintf("receipt.items[%d].%s", i, name) }
		text(v, field("name"), item.Name, maxName)
		if strings.TrimSpace(item.Name) == "" {
			v.Add(field("name"), "is required")
		}
		number(v, field("count"), item.Count, true)
		number(v, field("price"), item.Price, true)
		number(v, field("sum"), item.Sum, false)
		if item.Currency != "" && !currencyCode.MatchString(item.Currency) {
			v.Add(field("currency"), "must be three capital letters such as RUB")
		}
		oneOf(v, field("nds"), item.Nds, vatRates)
		oneOf(v, field("paymentMethod"), item.PaymentMethod, paymentMethods)
		text(v, field("type"), item.Type, maxType)
	}
	text(v, "receipt.customer_email", r.CustomerEmail, maxEmail)
	if r.CustomerEmail != "" && !strings.Contains(r.CustomerEmail, "@") {
		v.Add("receipt.customer_email", "must be an e-mail address")
	}
	text(v, "receipt.customer_phone", r.CustomerPhone, maxPhone)
}

func text(v *refund.Invalid, field, s string, limit int) {
	if n := utf8.RuneCountInString(s); n > limit {
		v.Add(field, fmt.Sprintf("must have at most %d characters, has %d", limit, n))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		v.Add(field, "must be UTF-8 text without control characters")
	}
}

func number(v *refund.Invalid, field string, d refund.Decimal, required bool) {
	switch s := string(d); {
	case s == "" && !required:
	case s == "":
		v.Add(field, "is required")
	case len(s) > 20 || !plainNumber.MatchString(s):
		v.Add(field, "must be a plain decimal number such as 100.00")
	case strings.Trim(s, "0.") == "":
		v.Add(field, "must be more than zero")
	}
}

func oneOf(v *refund.Invalid, field, s string, allowed []string) {
	if s != "" && !slices.Contains(allowed, s) {
		v.Add(field, "must be one of "+strings.Join(allowed, ", "))
	}
}

// wireItem is a receipt's line as UnitPay reads it: the keys in the order of its
// documentation, the decimals as numbers with the digits they were written with.
type wireItem struct {
	Name          string      `json:"name"`
	Count         json.Number `json:"count"`
	Price         json.Number `json:"price"`
	Currency      string      `json:"currency,omitempty"`
	Nds           string      `json:"nds,omitempty"`
	Type          string      `json:"type,omitempty"`
	PaymentMethod string      `json:"paymentMethod,omitempty"`
	Sum           json.Number `json:"sum,omitempty"`
}

// cashItems encodes a checked receipt's items for the parameter of that name.
func cashItems(r *refund.Receipt) (string, error) {
	items := make([]wireItem, len(r.Items))
	for i, it := range r.Items {
		items[i] = wireItem{it.Name, json.Number(it.Count), json.Number(it.Price), it.Currency, it.Nds, it.Type,
			it.PaymentMethod, json.Number(it.Sum)}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // a cash desk prints names as they come
	if err := enc.Encode(items); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(bytes.TrimRight(out.Bytes(), "\n")), nil
}
