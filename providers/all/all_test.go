package all_test

import (
	"testing"

	"refundworker/providers/all"
)

func TestDriversAreFoundByTheirNames(t *testing.T) {
	for _, name := range []string{"maib", "sberbank", "unitpay"} {
		if d, ok := all.ByName(name); !ok || d.Name() != name {
			t.Errorf("%s: %v, %v", name, d, ok)
		}
	}
	if d, ok := all.ByName("paypal"); ok {
		t.Errorf("found %v", d)
	}
	for _, d := range all.Drivers {
		identity := 0
		for _, o := range d.Options() {
			if o.Identity {
				identity++
			}
		}
		if identity == 0 {
			t.Errorf("%s: nothing tells its accounts apart", d.Name())
		}
	}
}
