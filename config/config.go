// Package config reads the one YAML file that worker, enqueue and refundctl
// share. It is strict: an unknown key, a bad value or a missing secret is an
// error that names file, line and key, and all of them are reported at once.
package config

import (
	"net/url"
	"time"

	"refundworker/providers"
	"refundworker/ratelimit"
	"refundworker/retry"
	"refundworker/statement"
)

// Config is a checked configuration.
type Config struct {
	File             string           // where it was read from
	Redis            providers.Secret // the URL, which may hold a password
	Durability       Durability
	AllowEviction    bool   // accept a maxmemory-policy other than noeviction
	StatedFsync      string // "always", "everysec", "no": what the operator says where CONFIG is forbidden; empty: ask Redis
	DedupeWindow     time.Duration
	JournalRetention time.Duration // how long settled refunds stay
	Listen           string        // host:port of /healthz, /readyz, /metrics, callbacks and pages
	ShutdownTimeout  time.Duration
	Retry            retry.Policy
	Web              Web
	Providers        []Provider // in the file's order
}

// Durability says what must hold a record before it counts.
type Durability string

// The durabilities.
const (
	AOF            Durability = "aof"         // on the primary's disk
	Replica        Durability = "replica"     // in at least one replica's memory
	AOFAndReplica  Durability = "aof+replica" // both
	DurabilityNone Durability = "none"        // in the primary's memory; for demos
)

// Provider is one configured account.
type Provider struct {
	Name          string // the queue's name too
	Driver        providers.Driver
	BaseURL       *url.URL
	AllowInsecure bool
	RateLimit     ratelimit.Limit
	Burst         int
	Concurrency   int // per process
	Timeout       time.Duration
	Preflight     bool
	Limits        Limits
	Reconcile     Reconcile
	Poll          Poll
	Statement     statement.Form     // of what refundctl reconcile reads
	Settings      providers.Settings // for Driver.Open; its secrets are empty unless they were resolved
	// OneRefundPerPayment is the driver's option of that name; false where the
	// driver has none.
	OneRefundPerPayment bool
	// Fingerprint tells accounts apart; empty unless secrets were resolved.
	Fingerprint string
}

// Reconcile says how an unknown attempt is looked into.
type Reconcile struct {
	First      time.Duration // when to ask first, from the attempt's end
	Settle     time.Duration // how long "did not rise" must hold, from the attempt's end; never less than Timeout
	MaxResends int
}

// Poll says how often an accepted refund is asked about.
type Poll struct {
	Initial, Max time.Duration
}

// Provider returns the provider of that name.
func (c *Config) Provider(name string) (Provider, bool) {
	for _, p := range c.Providers {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}
