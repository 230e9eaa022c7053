package refund

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
)

// MaxMinor is the largest amount accepted, in minor units. It keeps every sum
// of a payment's refunds exact in Redis's Lua, whose numbers are doubles.
const MaxMinor int64 = 1e14

// Money is an amount in minor units of a currency (kopecks for RUB). The zero
// Money is invalid as an amount to refund.
type Money struct {
	Minor    int64
	Currency Currency
}

var plainDecimal = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// ParseMoney reads a decimal string in major units ("100.00"). It refuses signs,
// exponents, spaces, leading zeros, and digits that the currency cannot hold
// ("100.005" RUB); trailing zeros are one value with or without ("100", "100.0").
func ParseMoney(s string, c Currency) (Money, error) {
	exponent, ok := c.Exponent()
	if !ok {
		return Money{}, fmt.Errorf("currency %q is not an ISO 4217 code", string(c))
	}
	if len(s) > 40 || !plainDecimal.MatchString(s) {
		return Money{}, fmt.Errorf("%q is not a plain decimal number such as 100.00", clip(s, 40))
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return Money{}, fmt.Errorf("%q is not a decimal number", clip(s, 40))
	}
	minor := d.Shift(exponent)
	if !minor.IsInteger() {
		return Money{}, fmt.Errorf("%s has more decimals than %s can hold (%d)", s, c, exponent)
	}
	if minor.GreaterThan(decimal.NewFromInt(MaxMinor)) {
		return Money{}, fmt.Errorf("%s is larger than the largest amount accepted, %s", s, Money{MaxMinor, c})
	}
	return Money{minor.IntPart(), c}, nil
}

// Decimal returns the amount in major units.
func (m Money) Decimal() decimal.Decimal {
	exponent, _ := m.Currency.Exponent()
	return decimal.New(m.Minor, -exponent)
}

// String returns the amount in major units with all the currency's decimals,
// without the currency: "100.00".
func (m Money) String() string {
	exponent, _ := m.Currency.Exponent()
	return m.Decimal().StringFixed(exponent)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
