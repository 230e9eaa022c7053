package refund_test

import (
	"testing"

	"refundworker/refund"
)

func TestACeilingIsTheLargestAmountOfEachCurrencyWithinIt(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency refund.Currency
		want     int64
	}{
		{"100.00", "RUB", 100_00},
		{"100.00", "JPY", 100},
		{"100.50", "JPY", 100},
		{"100.005", "RUB", 100_00},
		{"100.005", "KWD", 100_005},
		{"0.0001", "CLF", 1},
		{"0", "RUB", 0},
		{"100000000000000", "RUB", refund.MaxMinor},
		{"100", "XYZ", 0},
	} {
		ceiling, err := refund.ParseCeiling(c.text)
		if got := ceiling.In(c.currency); err != nil || got != c.want {
			t.Errorf("%s in %s: %d %v, want %d", c.text, c.currency, got, err, c.want)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1e2", "0x10", "01", " 1", "1,0", "100.00001", "100000000000001", ".5", "NaN"} {
		if ceiling, err := refund.ParseCeiling(text); err == nil {
			t.Errorf("%q is taken for %s", text, ceiling)
		}
	}
}
