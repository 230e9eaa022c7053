// Package ratelimit is a provider's rate limit, shared by all processes.
package ratelimit

import "time"

// Limit is how many calls a provider takes per period, over all processes. The
// zero Limit is the careful one: Default.
type Limit struct {
	Calls     int
	Per       time.Duration
	Unlimited bool
}

// Default is the limit of a provider that states none.
var Default = Limit{Calls: 5, Per: time.Second}
