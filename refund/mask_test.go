package refund_test

import (
	"strings"
	"testing"

	"refundworker/refund"
)

func TestReceiptsAreMasked(t *testing.T) {
	for name, tc := range map[string]struct{ email, phone, wantEmail, wantPhone string }{
		"both":                                {"ivan.petrov@example.com", "+7 912 345-67-89", "i***@example.com", "***89"},
		"none: stay empty":                    {"", "", "", ""},
		"two letters: none is left":           {"ip@example.com", "79123456789", "***@example.com", "***89"},
		"a first letter of two bytes":         {"жанна@почта.рф", "89", "ж***@почта.рф", "***"},
		"no e-mail address, no phone number":  {"ivan.petrov", "ask at the desk", "***", "***"},
		"an e-mail address as a phone number": {"a@b@c", "ivan7@example.com", "***@b@c", "***"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &refund.Receipt{Items: []refund.Item{{Name: "book"}}, CustomerEmail: tc.email, CustomerPhone: tc.phone}
			got := r.Masked()
			if got.CustomerEmail != tc.wantEmail || got.CustomerPhone != tc.wantPhone {
				t.Errorf("masked as %q and %q, want %q and %q", got.CustomerEmail, got.CustomerPhone, tc.wantEmail, tc.wantPhone)
			}
			if r.CustomerEmail != tc.email || len(got.Items) != 1 {
				t.Error("masking changed the receipt itself, or lost its items")
			}
		})
	}
	if (*refund.Receipt)(nil).Masked() != nil {
		t.Error("no receipt became one")
	}
}

func TestWhatAProviderRepeatsIsHidden(t *testing.T) {
	r := &refund.Receipt{CustomerEmail: "ivan@example.com", CustomerPhone: "+79123456789"}
	for name, tc := range map[string]struct{ text, want string }{
		"as they are":              {"customerEmail ivan@example.com is wrong, as is +79123456789", "customerEmail i***@example.com is wrong, as is ***89"},
		"twice":                    {"ivan@example.com,ivan@example.com", "i***@example.com,i***@example.com"},
		"in capitals":              {"to IVAN@Example.com", "to i***@example.com"},
		"a number without its +":   {"79123456789.", "***89."},
		"a number set in groups":   {"call +7 (912) 345-67-89 at night", "call ***89 at night"},
		"with no-break spaces":     {"7\u00a0912\u00a0345‑67‑89", "***89"},
		"after another figure":     {"5 79123456789", "5 ***89"},
		"another number":           {"+79123456780, 7912345678", "+79123456780, 7912345678"},
		"digits with words amid":   {"7912 and 3456789", "7912 and 3456789"},
		"another address":          {"petr@example.com, ivan@example.co", "petr@example.com, ivan@example.co"},
		"text that is not UTF-8":   {"\xffivan@example.com\xff", "\xffi***@example.com\xff"},
		"letters of several bytes": {"Жанна пишет: ivan@example.com — да", "Жанна пишет: i***@example.com — да"},
	} {
		if got := r.Hide(tc.text); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	for name, tc := range map[string]struct{ email, phone, text, want string }{
		"the number has spaces, the text none": {"", "+7 912 345-67-89", "is 79123456789", "is ***89"},
		"an address in Cyrillic capitals":      {"Жанна@почта.рф", "", "жАННА@ПОЧТА.РФ", "Ж***@почта.рф"},
		"no number, as it is only":             {"", "89", "89 of 8 9", "*** of 8 9"},
		"an address that is not UTF-8":         {"\xff@x", "", "a \xff@x", "a ***@x"},
	} {
		r := &refund.Receipt{CustomerEmail: tc.email, CustomerPhone: tc.phone}
		if got := r.Hide(tc.text); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	for _, r := range []*refund.Receipt{nil, {}} {
		if got := r.Hide("as it was"); got != "as it was" {
			t.Errorf("without personal data the text became %q", got)
		}
	}
}

func TestPayloadsAreMasked(t *testing.T) {
	payload := `{"version":1,"refund_id":"a",` + plain + `,"receipt":{"items":[{"name":"book","count":"1","price":"9.00"}],` +
		`"customer_email":"ivan@example.com","customer_phone":"+79123456789"}}`
	want := strings.NewReplacer("ivan@example.com", "i***@example.com", "+79123456789", "***89").Replace(payload)
	if got := refund.MaskedRequest([]byte(payload)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	repeated := strings.TrimSuffix(payload, "}") + `,"reason":"of Ivan@example.com","metadata":{"who":"7 912 345 67 89"}}`
	if got := refund.MaskedRequest([]byte(repeated)); strings.Contains(strings.ToLower(got), "ivan") || strings.Contains(got, "345") ||
		!strings.Contains(got, `"reason":"of i***@example.com"`) || !strings.Contains(got, `"metadata":{"who":"***89"}`) {
		t.Errorf("what reason and metadata repeat is shown: %s", got)
	}
	for name, broken := range map[string]string{
		"another field": `{"mail":"ivan@example.com"}`, "cut off": payload[:len(payload)-3], "text": "ivan@example.com",
	} {
		if got := refund.MaskedRequest([]byte(broken)); strings.Contains(got, "ivan") || !strings.Contains(got, "not a readable refund") {
			t.Errorf("%s: shown as %q", name, got)
		}
	}
}
