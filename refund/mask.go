package refund

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Masked returns a copy of the receipt that a person may look at: of the
// customer's e-mail address only the first letter and the domain are left, of
// the phone number only the last two digits. Nil stays nil.
func (r *Receipt) Masked() *Receipt {
	if r == nil {
		return nil
	}
	masked := *r
	masked.CustomerEmail, masked.CustomerPhone = maskEmail(r.CustomerEmail), maskPhone(r.CustomerPhone)
	return &masked
}

// Hide replaces the customer's e-mail address and phone number in a text by
// their masked forms: providers repeat what they did not like, and people write
// it into a reason. Capitals make no difference, and of a phone number only the
// digits count, however they are set apart.
func (r *Receipt) Hide(text string) string {
	if r == nil || text == "" {
		return text
	}
	text = replaceFold(text, r.CustomerEmail, maskEmail(r.CustomerEmail))
	if digits := digitsOf(r.CustomerPhone); len(digits) >= phoneDigits {
		return replaceAt(text, func(rest string) int { return phonePrefix(rest, digits) }, maskPhone(r.CustomerPhone))
	}
	return replaceFold(text, r.CustomerPhone, maskPhone(r.CustomerPhone))
}

// HideIn returns a copy of metadata with Hide applied to each value. Nil stays
// nil.
func (r *Receipt) HideIn(metadata map[string]string) map[string]string {
	shown := maps.Clone(metadata)
	for k, v := range shown {
		shown[k] = r.Hide(v)
	}
	return shown
}

// MaskedRequest renders a request's JSON, such as a task's payload, for people:
// with its receipt masked, and what the reason and the metadata repeat of it. Of
// what is not a readable request only the size is told, because nobody knows
// where in it personal data may stand.
func MaskedRequest(b []byte) string {
	r, err := DecodeRequest(b)
	if err == nil {
		r.Reason, r.Metadata = r.Receipt.Hide(r.Reason), r.Receipt.HideIn(r.Metadata)
		r.Receipt = r.Receipt.Masked()
		b, err = json.Marshal(r)
	}
	if err != nil {
		return fmt.Sprintf("not a readable refund: %d bytes, not shown because they may hold personal data", len(b))
	}
	return string(b)
}

const (
	mask        = "***"
	phoneDigits = 7                         // of fewer, two would tell too much, and they would be found in any figure
	between     = " \t\u00a0\u202f().-/‐‑–" // what sets the digits of a phone number apart
)

// replaceFold replaces old in text, whatever its capitals.
func replaceFold(text, old, masked string) string {
	if old == "" {
		return text
	}
	return replaceAt(text, func(rest string) int { return foldPrefix(rest, old) }, masked)
}

// replaceAt replaces by masked what match says, in bytes, a rest of text begins
// with.
func replaceAt(text string, match func(rest string) int, masked string) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(text); {
		n := match(text[i:])
		if n == 0 {
			_, size := utf8.DecodeRuneInString(text[i:])
			i += size
			continue
		}
		b.WriteString(text[kept:i])
		b.WriteString(masked)
		i += n
		kept = i
	}
	if kept == 0 {
		return text
	}
	return b.String() + text[kept:]
}

// foldPrefix is how many bytes of text are s in any capitals; 0: it begins with
// something else.
func foldPrefix(text, s string) int {
	n := 0
	for _, want := range s {
		c, size := utf8.DecodeRuneInString(text[n:])
		if size == 0 || unicode.ToLower(c) != unicode.ToLower(want) {
			return 0
		}
		n += size
	}
	return n
}

// phonePrefix is how many bytes of text are a phone number of these digits.
func phonePrefix(text, digits string) int {
	n := 0
	if text[0] == '+' {
		n = 1
	}
	for i := 0; i < len(digits); {
		c, size := utf8.DecodeRuneInString(text[n:])
		switch {
		case size == 0:
			return 0
		case c == rune(digits[i]):
			i++
		case i == 0 || !strings.ContainsRune(between, c):
			return 0
		}
		n += size
	}
	return n
}

func digitsOf(s string) string {
	return strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, s)
}

func maskEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case s == "":
		return ""
	case !ok:
		return mask
	case utf8.RuneCountInString(local) < 3:
		return mask + "@" + domain // a letter of so few would be half the name
	}
	_, first := utf8.DecodeRuneInString(local)
	return local[:first] + mask + "@" + domain
}

func maskPhone(s string) string {
	digits := digitsOf(s)
	switch {
	case s == "":
		return ""
	case len(digits) < phoneDigits:
		return mask
	}
	return mask + digits[len(digits)-2:]
}
