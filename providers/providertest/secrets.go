package providertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/sandbox"
)

// awkward is put into every secret, so that each encoding changes it.
const awkward = `"/+&=<é`

// secrets that a provider sends back, in an error's text or anywhere, must not
// come out of the driver.
func (h Harness) secrets(t *testing.T) {
	secret := map[string]string{}
	for option := range h.Secrets {
		secret[option] = option + awkward
	}
	var forms []string
	for _, s := range secret {
		forms = append(forms, encoded(t, s)...)
	}
	b := h.bench(t, func(s *providers.Settings) {
		for option, value := range secret {
			s.Secrets[option] = providers.NewSecret(value)
		}
	})
	b.sandbox.SetCredentials(sandbox.Credentials{
		UnitPaySecret: secret["secret_key"],
		MaibClientID:  secret["client_id"], MaibClientSecret: secret["client_secret"],
		SberbankUser: secret["username"], SberbankPassword: secret["password"],
	})
	if out := b.refund(b.attempt()); out.Kind != h.Success {
		t.Fatalf("%+v, want %v", out, h.Success)
	}
	for _, form := range forms {
		for _, status := range []int{200, 400, 500} {
			for _, body := range []string{h.Refusal("no: " + form + " is wrong"), form} {
				fault := sandbox.Fault{Kind: sandbox.HTMLBefore, Status: status, Body: body}
				b.sandbox.Fail(h.Company, h.Payment, fault)
				b.sandbox.FailLookups(h.Company, h.Payment, fault)
				out := b.refund(b.attempt())
				_, err := b.status(context.Background())
				if err == nil {
					t.Fatalf("no error from HTTP %d %s", status, body)
				}
				leaks(t, forms, out, err, b.account)
			}
		}
	}
	t.Run("refused credentials", func(t *testing.T) {
		b := h.bench(t, func(s *providers.Settings) {
			for option, value := range secret {
				s.Secrets[option] = providers.NewSecret(value)
			}
		})
		out := b.refund(b.attempt())
		want := h.verdict(sandbox.WrongCredentials)
		if out.Kind != want.Kind || out.Refused != want.Refused || b.given() != 0 {
			t.Errorf("%+v, want %v refused=%v", out, want.Kind, want.Refused)
		}
		_, err := b.status(context.Background())
		leaks(t, forms, out, err, b.account)
		if p, ok := b.account.(providers.Prober); ok {
			err := p.Probe(context.Background())
			if err == nil {
				t.Error("the probe says that wrong credentials work")
			}
			leaks(t, forms, err)
		}
	})
}

// leaks fails the test if a value, printed in any way, holds one of the forms.
func leaks(t *testing.T, forms []string, values ...any) {
	t.Helper()
	for _, v := range values {
		text := fmt.Sprintf("%v\n%+v\n%#v", v, v, v)
		if b, err := json.Marshal(v); err == nil {
			text += "\n" + string(b)
		}
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%T holds the secret as %q: %s", v, form, text)
			}
		}
	}
}

// encoded is a secret in the encodings that it can come back in.
func encoded(t *testing.T, s string) []string {
	t.Helper()
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		s,
		url.QueryEscape(s),
		strings.ToLower(url.QueryEscape(s)),
		url.PathEscape(s),
		string(asJSON[1 : len(asJSON)-1]),
		base64.StdEncoding.EncodeToString([]byte(s)),
		base64.RawURLEncoding.EncodeToString([]byte(s)),
	}
}
