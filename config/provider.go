package config

import (
	"regexp"
	"strings"
	"time"

	"refundworker/providers"
	"refundworker/ratelimit"
)

// BulkSuffix ends the name of a provider's second queue, for bulk files, so no
// provider's own name may end in it.
const BulkSuffix = "-bulk"

var providerName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func (d *decoder) providers(top *block) []Provider {
	e, ok := top.take("providers")
	if !ok || isNull(e.value) {
		d.fault(top.lineOf("providers"), "providers", "no provider is configured; add one with its driver, base_url and credentials")
		return nil
	}
	all, ok := d.block(e.value, "providers", e.line)
	if ok && len(all.keys) == 0 {
		d.fault(e.line, "providers", "no provider is configured; add one with its driver, base_url and credentials")
	}
	var list []Provider
	for _, name := range all.keys {
		if !providerName.MatchString(name) || strings.HasSuffix(name, BulkSuffix) {
			d.fault(all.nodes[name].line, all.join(name), "a provider's name must be 1 to 64 of a-z 0-9 _ - and not end in %s; rename it", BulkSuffix)
		}
		list = append(list, d.provider(name, all.sub(name)))
	}
	d.distinct(list, all)
	return list
}

func (d *decoder) provider(name string, b *block) Provider {
	if b.nodes == nil {
		return Provider{Name: name}
	}
	driver := d.driver(b)
	p := Provider{
		Name:          name,
		Driver:        driver,
		AllowInsecure: b.flag("allow_insecure", false),
		RateLimit:     b.rateLimit("rate_limit"),
		Burst:         b.integer("burst", 1, 1, 1000),
		Concurrency:   b.integer("concurrency", 4, 1, 1000),
		Timeout:       b.duration("timeout", 15*time.Second, 100*time.Millisecond, 5*time.Minute),
		Preflight:     b.flag("preflight", true),
	}
	p.BaseURL = b.baseURL("base_url", p.AllowInsecure)
	p.Limits = limits(b.sub("limits"))
	p.Reconcile = reconcile(b.sub("reconcile"), p.Timeout)
	p.Poll = poll(b.sub("poll"))
	p.Statement = b.sub("statement").statement()
	p.Settings = providers.Settings{
		Name:    name,
		BaseURL: p.BaseURL,
		Timeout: p.Timeout,
		Texts:   map[string]string{},
		Secrets: map[string]providers.Secret{},
		Flags:   map[string]bool{},
		RootCAs: d.rootCA(b),
	}
	if driver == nil {
		return p // its keys can't be told from mistakes
	}
	for _, o := range driver.Options() {
		b.option(o, p)
	}
	p.OneRefundPerPayment = p.Settings.Flags["one_refund_per_payment"]
	b.done()
	return p
}

func (d *decoder) driver(b *block) providers.Driver {
	names := make([]string, len(d.opts.Drivers))
	for i, driver := range d.opts.Drivers {
		names[i] = driver.Name()
	}
	known := strings.Join(names, ", ")
	v, ok := b.text("driver")
	if !ok {
		d.fault(b.line, b.join("driver"), "is required; write one of: %s", known)
		return nil
	}
	if v.bad {
		return nil
	}
	for _, driver := range d.opts.Drivers {
		if driver.Name() == v.text {
			return driver
		}
	}
	v.faultQuoted("must be one of: %s", known)
	return nil
}

// rateLimit takes "5/s" and the like; absent is the careful limit.
func (b *block) rateLimit(key string) ratelimit.Limit {
	v, ok := b.text(key)
	if !ok || v.bad {
		return ratelimit.Default
	}
	limit, err := ratelimit.Parse(v.text)
	if err != nil {
		v.faultQuoted("must be calls per second, minute or hour, such as 5/s, 300/m or 1000/h, or none")
		return ratelimit.Default
	}
	return limit
}

func reconcile(b *block, timeout time.Duration) Reconcile {
	r := Reconcile{
		First:      b.duration("first", 5*time.Second, 0, 24*time.Hour),
		Settle:     b.duration("settle", 10*time.Minute, 0, month),
		MaxResends: b.integer("max_resends", 1, 0, 3),
	}
	// A provider can't be done with a request sooner than we give up on it.
	r.Settle = max(r.Settle, timeout)
	b.done()
	return r
}

func poll(b *block) Poll {
	p := Poll{
		Initial: b.duration("initial", time.Second, 10*time.Millisecond, time.Hour),
		Max:     b.duration("max", time.Minute, 10*time.Millisecond, 24*time.Hour),
	}
	b.ordered("initial", p.Initial, "max", p.Max)
	b.done()
	return p
}
