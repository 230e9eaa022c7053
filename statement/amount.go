package statement

import (
	"errors"
	"fmt"
	"strings"

	"refundworker/refund"
)

// spaces that stand between thousands: the plain one and the no-break and thin
// ones that spreadsheets write.
var spaces = strings.NewReplacer(" ", " ", "\u00a0", " ", "\u202f", " ", "\u2009", " ")

// errTwoReadings says that an amount can be read in two ways.
var errTwoReadings = errors.New("can be read as thousands or as decimals")

// maxAmount bounds what is read as an amount, in bytes.
const maxAmount = 64

// amount reads an amount as people and spreadsheets write it: 100, 100.00,
// 100,00, 1 000.00, 1,000.00, 1.000,00, with a sign or without. The amount is
// returned without it. An empty decimal means that each amount must show by
// itself which sign is which.
func amount(s string, c refund.Currency, f Form) (m refund.Money, negative bool, err error) {
	text := strings.TrimSpace(spaces.Replace(s))
	if len(text) > maxAmount {
		return m, false, fmt.Errorf("%q is no amount", clip(text))
	}
	for _, minus := range []string{"-", "\u2212"} {
		if rest, ok := strings.CutPrefix(text, minus); ok {
			text, negative = strings.TrimLeft(rest, " "), true
			break
		}
	}
	if !negative {
		text = strings.TrimLeft(strings.TrimPrefix(text, "+"), " ")
	}
	plain, err := plain(text, f.Decimal)
	switch {
	case errors.Is(err, errTwoReadings):
		return m, false, fmt.Errorf("%q %w: say which with --decimal or statement.decimal", clip(s), err)
	case err != nil:
		return m, false, fmt.Errorf("%q is no amount: %w", clip(s), err)
	}
	if f.Unit == Minor {
		exponent, _ := c.Exponent()
		if plain, err = shift(plain, int(exponent)); err != nil {
			return m, false, fmt.Errorf("%q: %w", clip(s), err)
		}
	}
	m, err = refund.ParseMoney(plain, c)
	return m, negative, err
}

// plain rewrites an amount without thousands and with a decimal point.
func plain(text string, decimal byte) (string, error) {
	for _, r := range text {
		if (r < '0' || r > '9') && r != '.' && r != ',' && r != ' ' {
			return "", fmt.Errorf("%q does not belong into one", r)
		}
	}
	whole, fraction, err := split(text, decimal)
	if err != nil {
		return "", err
	}
	if whole, err = joined(whole); err != nil {
		return "", err
	}
	if strings.Trim(fraction, "0123456789") != "" {
		return "", errors.New("its decimals hold something else than digits")
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole, nil
}

// split finds the decimal sign.
func split(text string, decimal byte) (whole, fraction string, err error) {
	at := -1
	dots, commas := strings.Count(text, "."), strings.Count(text, ",")
	switch {
	case decimal != 0:
		at = strings.IndexByte(text, decimal)
		if at >= 0 && strings.ContainsAny(text[at+1:], ".,") {
			return "", "", fmt.Errorf("something stands behind its decimal sign %q", decimal)
		}
	case dots > 0 && commas > 0: // the last one is the decimal sign
		at = strings.LastIndexAny(text, ".,")
		if strings.Count(text, text[at:at+1]) > 1 {
			return "", "", errors.New("its decimal sign stands twice")
		}
	case dots+commas == 1:
		at = strings.IndexAny(text, ".,")
		// Behind spaces between thousands, or with other than three digits, it
		// can only be a decimal sign; so it can behind a zero.
		before := text[:at]
		if len(text)-at-1 == 3 && !strings.Contains(text, " ") && len(before) <= 3 && strings.Trim(before, "0") != "" {
			return "", "", errTwoReadings
		}
	}
	if at < 0 {
		return text, "", nil
	}
	if at == len(text)-1 {
		return "", "", errors.New("nothing stands behind its decimal sign")
	}
	return text[:at], text[at+1:], nil
}

// joined takes the thousands together: all must be parted alike, in groups of
// three.
func joined(whole string) (string, error) {
	sign := strings.IndexAny(whole, "., ")
	if whole == "" || sign == 0 {
		return "", errors.New("it does not begin with a digit")
	}
	if sign < 0 {
		return whole, nil
	}
	groups := strings.Split(whole, whole[sign:sign+1])
	for i, g := range groups {
		if strings.Trim(g, "0123456789") != "" || i == 0 && len(g) > 3 || i > 0 && len(g) != 3 {
			return "", errors.New("its thousands are not parted alike, by threes")
		}
	}
	return strings.Join(groups, ""), nil
}

// shift turns minor units into major ones.
func shift(minor string, exponent int) (string, error) {
	if strings.Contains(minor, ".") {
		return "", errors.New("minor units have no decimals; is the amount in major units?")
	}
	if exponent == 0 {
		return minor, nil
	}
	if pad := exponent + 1 - len(minor); pad > 0 {
		minor = strings.Repeat("0", pad) + minor
	}
	return minor[:len(minor)-exponent] + "." + minor[len(minor)-exponent:], nil
}
