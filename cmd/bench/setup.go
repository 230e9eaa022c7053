package main

import (
	"cmp"
	"fmt"
	"strings"

	"refundworker/config"
	"refundworker/providers"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
)

// setup is a configuration of our worker. It leaves everything as it is shipped
// but the rate limit, which would be what is measured unless it is meant to be,
// and how soon maib is asked.
type setup struct {
	redis       providers.Secret
	durability  config.Durability
	concurrency int
	preflight   bool
	accounts    []account
}

// account is one provider of a setup.
type account struct {
	name, company, baseURL string
	credentials            []string // lines of YAML
	limit                  string   // empty: none
	burst                  int
}

// credentials are the simulated companies' own, which open nothing else.
var credentials = map[string][]string{
	sandbox.UnitPay:  {"secret_key: " + sandbox.UnitPaySecret},
	sandbox.Maib:     {"client_id: " + sandbox.MaibClientID, "client_secret: " + sandbox.MaibClientSecret},
	sandbox.Sberbank: {"username: " + sandbox.SberbankUser, "password: " + sandbox.SberbankPassword},
}

// setup is that of a worker of these companies on the bench's Redis.
func (b *bench) setup(p path, companies ...string) setup {
	s := setup{redis: b.store.url, durability: b.store.durability, concurrency: b.concurrency, preflight: p.preflight}
	for _, company := range companies {
		s.accounts = append(s.accounts, account{name: company, company: company, baseURL: b.simulator.Companies[company], credentials: credentials[company]})
	}
	return s
}

func (s setup) yaml() string {
	var text strings.Builder
	fmt.Fprintf(&text, "redis: %q\ndurability: %s\nlisten: 127.0.0.1:0\nshutdown_timeout: 5s\nproviders:\n", s.redis.Reveal(), s.durability)
	for _, a := range s.accounts {
		fmt.Fprintf(&text, `  %s:
    driver: %s
    base_url: %s
    rate_limit: %s
    burst: %d
    concurrency: %d
    preflight: %t
    poll: {initial: 10ms, max: 100ms}
    %s
`, a.name, a.company, a.baseURL, cmp.Or(a.limit, "none"), max(a.burst, 1), s.concurrency, s.preflight, strings.Join(a.credentials, "\n    "))
	}
	return text.String()
}

func (s setup) load() (*config.Config, error) { return loadConfig(s.yaml()) }

func loadConfig(yaml string) (*config.Config, error) {
	return config.Load("bench.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(yaml), nil }})
}
