package config_test

import (
	"errors"
	"os"
	"testing"
	"unicode/utf8"

	"refundworker/config"
)

func FuzzLoadNeverPanicsAndAlwaysExplains(f *testing.F) {
	example, err := os.ReadFile("../examples/refunds.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(example), minimal, sber, maib, "a: &a [*a]", "? [x]\n: y", "{<<: *x}", "providers: {a: {b: ${}}}", "\xff\xfe", "--- |\n a\n...\n%TAG"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, resolve bool) {
		c, err := load(text, resolve, nil)
		var faults config.Faults
		switch {
		case err == nil && (c == nil || len(c.Providers) == 0):
			t.Error("a configuration without providers was taken")
		case err != nil && (!errors.As(err, &faults) || len(faults) == 0):
			t.Errorf("an error without a fault: %v", err)
		}
		for _, fault := range faults {
			if fault.Rule == "" || utf8.ValidString(text) && !utf8.ValidString(fault.Error()) {
				t.Errorf("%q", fault.Error())
			}
		}
	})
}
