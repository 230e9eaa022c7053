// Package unitpay speaks UnitPay's API: refundPayment and getPayment, both GET
// requests that carry the project's secret key in the URL. Its facts are UnitPay's
// public documentation and the behaviour of its own unitpay-php 4.0.0.
//
// UnitPay has no idempotency key and answers a refund with no id of it. It
// promises only that the same amount of the same payment is not refunded twice
// within half an hour. The package never acts on a message's text.
package unitpay

import (
	"errors"
	"fmt"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

// The configuration keys of this driver.
const (
	keySecret = "secret_key"
	keyStyle  = "param_style"
	keyTest   = "test"
	keyOnce   = "one_refund_per_payment"
)

const maxIDDigits = 20

// Driver is the unitpay driver.
type Driver struct{}

// Name returns "unitpay".
func (Driver) Name() string { return "unitpay" }

// Options are secret_key, param_style, test and one_refund_per_payment.
func (Driver) Options() []providers.Option {
	return []providers.Option{
		{Key: keySecret, Kind: providers.SecretText, Required: true, Identity: true,
			Help: "the project's secret key (the test key with test: true)"},
		{Key: keyStyle, Kind: providers.Text, Default: "nested", Enum: []string{"nested", "flat"},
			Help: "how parameters are named: params[paymentId] or paymentId"},
		{Key: keyTest, Kind: providers.Flag, Default: "false",
			Help: "UnitPay's test mode: no money moves"},
		{Key: keyOnce, Kind: providers.Flag, Default: "true",
			Help: "refuse a second refund of a payment; UnitPay allows several partial ones to most merchants only"},
	}
}

// CanonicalPayment returns the digits without leading zeros.
func (Driver) CanonicalPayment(id string) (string, error) {
	if strings.Trim(id, "0123456789") != "" {
		return "", errors.New("must be digits, as UnitPay numbers its payments")
	}
	canonical := strings.TrimLeft(id, "0")
	if canonical == "" || len(canonical) > maxIDDigits {
		return "", fmt.Errorf("must be a number above zero of at most %d digits", maxIDDigits)
	}
	return canonical, nil
}

// CheckOrder adds UnitPay's rules for amounts and receipts.
func (Driver) CheckOrder(o refund.Order) refund.Invalid {
	var v refund.Invalid
	// sum has two decimals, so that it could not hold a thousandth.
	if exponent, ok := o.Amount.Currency.Exponent(); !ok || exponent > 2 {
		v.Add("currency", "must be one with at most two decimals")
	}
	checkReceipt(o.Receipt, &v)
	return v
}
