package refund

// Currency is an ISO 4217 alphabetic code in upper case, such as RUB.
type Currency string

type isoCode struct {
	exponent int32
	numeric  string
}

// Exponent returns how many decimals the currency has (2 for RUB, 0 for JPY).
// The answer is false for a code that ISO 4217 does not list.
func (c Currency) Exponent() (int32, bool) {
	code, ok := isoCodes[c]
	return code.exponent, ok
}

// Numeric returns the three-digit ISO 4217 number, "643" for RUB; empty if unknown.
func (c Currency) Numeric() string { return isoCodes[c].numeric }

// CurrencyByNumber returns the currency of a three-digit ISO 4217 number; false
// if there is none.
func CurrencyByNumber(number string) (Currency, bool) {
	for c, code := range isoCodes {
		if code.numeric == number && number != "" {
			return c, true
		}
	}
	return "", false
}
