package refund

import (
	"fmt"
	"regexp"
	"strconv"
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
	if minor, ok := plainMinor(s, int(exponent)); ok {
		return Money{minor, c}, nil
	}
	d, err := parseDecimal(s)
	if err != nil {
		return Money{}, err
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

// plainMinor reads what nearly all amounts look like, in minor units: a few digits
// with at most the currency's decimals. What else is right, or wrong, is left to
// the exact way.
func plainMinor(s string, exponent int) (minor int64, ok bool) {
	if len(s) > 14 || len(s) == 0 || s[0] == '0' && len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	decimals := -1 // before the point
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			minor = minor*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == '.' && decimals < 0 && i > 0:
			decimals = 0
		default:
			return 0, false
		}
	}
	if decimals == 0 || decimals > exponent {
		return 0, false
	}
	for range exponent - max(decimals, 0) {
		minor *= 10
	}
	return minor, minor <= MaxMinor
}

func parseDecimal(s string) (decimal.Decimal, error) {
	if len(s) > 40 || !plainDecimal.MatchString(s) {
		return decimal.Decimal{}, fmt.Errorf("%q is not a plain decimal number such as 100.00", clip(s, 40))
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("%q is not a decimal number", clip(s, 40))
	}
	return d, nil
}

// mostDecimals is how many the currency with the most has.
const mostDecimals = 4

// Ceiling is the most that an amount may be, in major units of any currency.
type Ceiling struct{ major decimal.Decimal }

// ParseCeiling reads a decimal string as ParseMoney does. It refuses digits that
// no currency can hold, and what no currency's largest amount reaches.
func ParseCeiling(s string) (Ceiling, error) {
	d, err := parseDecimal(s)
	switch {
	case err != nil:
		return Ceiling{}, err
	case !d.Shift(mostDecimals).IsInteger():
		return Ceiling{}, fmt.Errorf("%s has more decimals than any currency can hold (%d)", s, mostDecimals)
	case d.GreaterThan(decimal.NewFromInt(MaxMinor)):
		return Ceiling{}, fmt.Errorf("%s is larger than the largest amount accepted, %d", s, MaxMinor)
	}
	return Ceiling{d}, nil
}

// In returns the largest amount of a currency that is within the ceiling, in
// minor units: of 100.50, it is 100 yen. It is 0 for an unknown currency.
func (l Ceiling) In(c Currency) int64 {
	exponent, ok := c.Exponent()
	if !ok {
		return 0
	}
	return decimal.Min(l.major.Shift(exponent).Floor(), decimal.NewFromInt(MaxMinor)).IntPart()
}

// Less reports whether one is below another.
func (l Ceiling) Less(other Ceiling) bool { return l.major.LessThan(other.major) }

// String returns it in major units.
func (l Ceiling) String() string { return l.major.String() }

// Decimal returns the amount in major units.
func (m Money) Decimal() decimal.Decimal {
	exponent, _ := m.Currency.Exponent()
	return decimal.New(m.Minor, -exponent)
}

// String returns the amount in major units with all the currency's decimals,
// without the currency: "100.00".
func (m Money) String() string {
	exponent, _ := m.Currency.Exponent()
	digits, below := strings.CutPrefix(strconv.FormatInt(m.Minor, 10), "-")
	sign := ""
	if below {
		sign = "-"
	}
	if exponent == 0 {
		return sign + digits
	}
	if missing := int(exponent) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - int(exponent)
	return sign + digits[:point] + "." + digits[point:]
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
