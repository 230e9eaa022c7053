package config_test

import (
	"cmp"
	"strconv"
	"testing"

	"refundworker/config"
	"refundworker/refund"
)

func TestLimits(t *testing.T) {
	shown := func(l config.Limits) string {
		text := string(l.Currency)
		for _, n := range []*refund.Ceiling{l.PerRefund, l.PerDay} {
			if n == nil {
				text += " -"
			} else {
				text += " " + strconv.FormatInt(n.In(cmp.Or(l.Currency, "RUB")), 10)
			}
		}
		if l.PerPaymentCount == nil {
			return text + " -"
		}
		return text + " " + strconv.Itoa(*l.PerPaymentCount)
	}
	for name, c := range map[string]struct{ line, want string }{
		"none":                                  {"preflight: true", " - - -"},
		"an empty block is none":                {"limits: {}", " - - -"},
		"all":                                   {`limits: {currency: RUB, per_refund: "10000.00", per_day: "500000.00", per_payment_count: 5}`, "RUB 1000000 50000000 5"},
		"all without a currency":                {`limits: {per_refund: "100.00", per_day: "200.00", per_payment_count: 3}`, " 10000 20000 3"},
		"and without quotes":                    {"limits: {per_refund: 0.0700, per_day: 0.29}", " 7 29 -"},
		"a count needs no currency":             {"limits: {per_payment_count: 1}", " - - 1"},
		"zero is a limit":                       {"limits: {currency: RUB, per_refund: 0, per_payment_count: 0}", "RUB 0 - 0"},
		"without quotes it is the same amount":  {"limits: {currency: RUB, per_day: 900719925474.09}", "RUB - 90071992547409 -"},
		"the currency says how many decimals":   {"limits: {currency: JPY, per_refund: 5000}", "JPY 5000 - -"},
		"it may come from the environment":      {`limits: {currency: RUB, per_refund: "${PORT}"}`, "RUB 700000 - -"},
		"a day may be as much as one refund is": {"limits: {currency: RUB, per_refund: 5, per_day: 5.00}", "RUB 500 500 -"},
	} {
		p, ok := mustLoad(t, shop(c.line), true, nil).Provider("shop")
		if got := shown(p.Limits); !ok || got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
