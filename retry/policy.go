// Package retry is pure policy: (what happened, how often) → what next, when.
package retry

import "time"

// Policy is how a refund waits between tries.
type Policy struct {
	Initial     time.Duration // the first wait's upper bound
	Max         time.Duration // no wait is longer
	GiveUpAfter time.Duration // from the first attempt; time in which the provider was paused does not count
}
