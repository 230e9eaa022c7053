package refund

import (
	"encoding/json"
	"fmt"
	"strings"
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
// their masked forms: providers repeat what they did not like.
func (r *Receipt) Hide(text string) string {
	if r == nil || text == "" {
		return text
	}
	for _, pair := range [][2]string{{r.CustomerEmail, maskEmail(r.CustomerEmail)}, {r.CustomerPhone, maskPhone(r.CustomerPhone)}} {
		if pair[0] != "" {
			text = strings.ReplaceAll(text, pair[0], pair[1])
		}
	}
	return text
}

// MaskedRequest renders a request's JSON, such as a task's payload, for people:
// with its receipt masked. Of what is not a readable request only the size is
// told, because nobody knows where in it personal data may stand.
func MaskedRequest(b []byte) string {
	r, err := DecodeRequest(b)
	if err == nil {
		r.Receipt = r.Receipt.Masked()
		b, err = json.Marshal(r)
	}
	if err != nil {
		return fmt.Sprintf("not a readable refund: %d bytes, not shown because they may hold personal data", len(b))
	}
	return string(b)
}

const mask = "***"

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
	digits := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		if '0' <= c && c <= '9' {
			digits = append(digits, c)
		}
	}
	switch {
	case s == "":
		return ""
	case len(digits) < 7:
		return mask // two of so few would tell too much
	}
	return mask + string(digits[len(digits)-2:])
}
