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
	got := r.Hide("customerEmail ivan@example.com is wrong, as is +79123456789")
	if want := "customerEmail i***@example.com is wrong, as is ***89"; got != want {
		t.Errorf("got %q, want %q", got, want)
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
	for name, broken := range map[string]string{
		"another field": `{"mail":"ivan@example.com"}`, "cut off": payload[:len(payload)-3], "text": "ivan@example.com",
	} {
		if got := refund.MaskedRequest([]byte(broken)); strings.Contains(got, "ivan") || !strings.Contains(got, "not a readable refund") {
			t.Errorf("%s: shown as %q", name, got)
		}
	}
}
