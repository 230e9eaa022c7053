package config_test

import (
	"errors"
	"fmt"

	"refundworker/config"
	"refundworker/providers/all"
)

// A configuration as a producer reads it, without the providers' secrets, and
// one with mistakes, of which all are told at once.
func Example() {
	for _, text := range []string{`
providers:
  unitpay: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: "${UNITPAY_SECRET_KEY}", rate_limit: 100/m}
`, `
dedupe_windw: 30m
providers:
  unitpay: {driver: unitpay, base_url: "http://unitpay.ru/api", secret_key: "${UNITPAY_SECRET_KEY}"}
`} {
		cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers,
			ReadFile: func(string) ([]byte, error) { return []byte(text), nil }}) // in place of the disk
		var faults config.Faults
		if errors.As(err, &faults) {
			for _, f := range faults {
				fmt.Printf("%s:%d: %s\n", f.File, f.Line, f.Path)
			}
			continue
		}
		p, _ := cfg.Provider("unitpay")
		fmt.Println(p.RateLimit, p.Timeout, cfg.Durability)
	}
	// Output:
	// 100/m 15s aof
	// refunds.yaml:2: dedupe_windw
	// refunds.yaml:4: providers.unitpay.base_url
}
