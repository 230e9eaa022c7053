package providers_test

import (
	"net/url"
	"testing"

	"refundworker/providers"
	"refundworker/providers/all"
)

func TestFingerprintTellsAccountsApart(t *testing.T) {
	print := func(driver, base, secret, style string) string {
		d, ok := all.ByName(driver)
		if !ok {
			t.Fatalf("no driver %s", driver)
		}
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		return providers.Fingerprint(d, providers.Settings{BaseURL: u,
			Secrets: map[string]providers.Secret{"secret_key": providers.NewSecret(secret), "username": providers.NewSecret(secret)},
			Texts:   map[string]string{"param_style": style}})
	}
	one := print("unitpay", "https://unitpay.ru/api", "k1", "nested")
	if len(one) != 16 {
		t.Errorf("fingerprint %q, want 16 digits", one)
	}
	for name, same := range map[string]string{
		"slash at the end":         print("unitpay", "https://unitpay.ru/api/", "k1", "nested"),
		"capitals and port":        print("unitpay", "HTTPS://UnitPay.ru:443/api", "k1", "nested"),
		"an option of no identity": print("unitpay", "https://unitpay.ru/api", "k1", "flat"),
	} {
		if same != one {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	for name, other := range map[string]string{
		"other secret": print("unitpay", "https://unitpay.ru/api", "k2", "nested"),
		"other path":   print("unitpay", "https://unitpay.ru/api2", "k1", "nested"),
		"other port":   print("unitpay", "https://unitpay.ru:8443/api", "k1", "nested"),
		"other driver": print("sberbank", "https://unitpay.ru/api", "k1", "nested"),
	} {
		if other == one {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
}
