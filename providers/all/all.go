// Package all lists the drivers. It is the one place that names every provider.
package all

import (
	"refundworker/providers"
	"refundworker/providers/maib"
	"refundworker/providers/sberbank"
	"refundworker/providers/unitpay"
)

// Drivers are the drivers that a configuration may name, by name.
var Drivers = []providers.Driver{
	maib.Driver{},
	sberbank.Driver{},
	unitpay.Driver{},
}

// ByName returns the driver that a configuration calls so.
func ByName(name string) (providers.Driver, bool) {
	for _, d := range Drivers {
		if d.Name() == name {
			return d, true
		}
	}
	return nil, false
}
