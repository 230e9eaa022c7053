package config_test

import "testing"

func TestWhoIsCalledBackFromElsewhere(t *testing.T) {
	const bank = `
providers:
  bank: {driver: maib, base_url: "https://h/x", client_id: u, client_secret: p`
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"no callbacks":         {bank + "}\n", false},
		"from this machine":    {bank + ", callback_url: \"http://127.0.0.1:8080\"}\n", false},
		"by name":              {bank + ", callback_url: \"http://localhost:8080\"}\n", false},
		"by IPv6":              {bank + ", callback_url: \"http://[::1]:8080\"}\n", false},
		"from the internet":    {bank + ", callback_url: \"https://refunds.example.com\"}\n", true},
		"from another machine": {bank + ", callback_url: \"https://10.0.0.7:8443\"}\n", true},
	} {
		if got := mustLoad(t, c.text, true, nil).CalledBack(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
