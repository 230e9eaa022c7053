package providers_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"refundworker/providers"
)

const secretText = "s3cr3t+key/value"

func TestTextHidesSecretsInEveryEncoding(t *testing.T) {
	c := open(t, "https://provider.example")
	token := providers.NewSecret(`tok"en<é>`)
	for _, leak := range []string{
		secretText,
		url.QueryEscape(secretText),
		strings.ToLower(url.QueryEscape(secretText)),
		url.QueryEscape(url.QueryEscape(secretText)),
		url.PathEscape(secretText),
		`s3cr3t+key\/value`,
		base64.StdEncoding.EncodeToString([]byte(secretText)),
		base64.RawURLEncoding.EncodeToString([]byte(secretText)),
		url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(secretText))),
		fmt.Sprintf("%x", secretText),
		fmt.Sprintf("%X", secretText),
		url.PathEscape(url.PathEscape(secretText)),
		token.Reveal(), "tok&quot;en&lt;é&gt;", `tok\"en<é>`, `tok\"en<\u00e9>`, `tok\u0022en\u003C\u00E9\u003E`, `tok\\\"en<é>`, `s3cr3t\u002Bkey/value`,
		`tok\"en\u003cé\u003e`, `tok\"en\u003c\u00e9\u003e`, "tok&#34;en&lt;é&gt;",
		"s3cr3t\x00+key/value",
		"s3cr3t\u200b+key/value",
	} {
		if got := c.Text("before "+leak+" after", token); got != "before [redacted] after" {
			t.Errorf("%q came out as %q", leak, got)
		}
	}
	for before := range 3 { // inside something longer, at each alignment
		long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", before) + secretText + ":rest"))
		if got := c.Text(long); !strings.Contains(got, "[redacted]") {
			t.Errorf("alignment %d: %q holds the secret", before, got)
		}
	}
}

// The scrubber passes over secrets that are longer than the text.
func TestNoEncodingIsShorterThanTheSecret(t *testing.T) {
	for _, secret := range []string{"a", "abcde", "abcdef", "abcdefgh", secretText, `tok"en<é>`, "ключ", "\U0001f511", "\xff\xfe", "a b", strings.Repeat("x", 400)} {
		for _, form := range providers.Encodings(secret) {
			if len(form) < len(secret) {
				t.Errorf("%q is shorter than %q", form, secret)
			}
		}
	}
	c := open(t, "https://provider.example")
	long, short := providers.NewSecret(strings.Repeat("x", 400)), providers.NewSecret("tok/en")
	if got := c.Text("tok%2fen", long, short); got != "[redacted]" {
		t.Errorf("beside a longer one: %q", got)
	}
	if got := c.Text("tok/en", long, short); got != "[redacted]" {
		t.Errorf("as long as the secret: %q", got)
	}
}

func TestTextIsOneShortLine(t *testing.T) {
	c := open(t, "https://provider.example")
	if got := c.Text("a\r\nb\tc\x1b[31m\u202ed \xff"); got != "a b c[31md ?" {
		t.Errorf("got %q", got)
	}
	for text, want := range map[string]string{"": "", " ": "", "a b": "a b", " a": "a", "a ": "a", "a  b": "a b", "a\x7fb": "ab", "é  é": "é é", "a\u00a0b": "a b"} {
		if got := c.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	long := c.Text(strings.Repeat("ж", 500))
	if n := utf8.RuneCountInString(long); n != 200 || !strings.HasSuffix(long, "…") {
		t.Errorf("%d runes, want 200 with an ellipsis", n)
	}
	if got := c.Text(strings.Repeat("x", 190) + secretText); strings.Contains(got, "s3c") {
		t.Errorf("clipping left a part of the secret: %q", got)
	}
}

// What is taken for a line already holds nothing that a line may not.
func TestEveryCharacterOfALine(t *testing.T) {
	c := open(t, "https://provider.example")
	for r := range rune(0x3000) {
		want := strings.Join(strings.Fields("a"+string(r)+"b"), " ")
		if unicode.In(r, unicode.C) && !unicode.IsSpace(r) {
			want = "ab"
		}
		if got := c.Text("a" + string(r) + "b"); got != want {
			t.Errorf("%U: %q, want %q", r, got, want)
		}
	}
}

func TestClientPrintsNoSecret(t *testing.T) {
	c := open(t, "https://provider.example")
	holder := struct{ key providers.Secret }{providers.NewSecret(secretText)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{c, *c, holder, &holder} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "s3cr3t") {
				t.Errorf("%s of %T prints the secret: %s", format, v, got)
			}
		}
	}
}
