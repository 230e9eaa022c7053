package config

import "refundworker/providers"

// distinct refuses two names for one account: each would have a window, a lock
// and a rate limit of its own, and the same payment could be refunded by both.
// It can only tell when secrets were resolved and nothing else is wrong.
func (d *decoder) distinct(list []Provider, all *block) {
	if !d.opts.ResolveSecrets || len(d.faults) > 0 {
		return
	}
	first := map[string]string{}
	for i := range list {
		p := &list[i]
		p.Fingerprint = providers.Fingerprint(p.Driver, p.Settings)
		if other, taken := first[p.Fingerprint]; taken {
			d.fault(all.lineOf(p.Name), all.join(p.Name),
				"is the same account as %s (driver, base_url and credentials); remove one of them, or its refunds could be paid twice", other)
			continue
		}
		first[p.Fingerprint] = p.Name
	}
}
