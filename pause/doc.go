// Package pause stops the calls to a provider that cannot be called to any use:
// one that is down, that refuses everything, that refuses our credentials, or
// that an operator has stopped. A pause holds for all processes, says why, and,
// unless it is an operator's, ends by itself once a trial call works.
//
// The life of a pause:
//
//	well ──5 calls in a row without an answer, or 20 refused alike──► paused (health)
//	well ──credentials refused──► paused (credentials)
//	any  ──operator──► paused (operator) ──Resume──► ramping up
//	paused ──after 1 s, 2 s, 4 s … 30 s──► one trial call ──it fails──► paused
//	                                                      ──it works──► ramping up
//	ramping up ──1, 2, 4 … 32 calls in all, 6 s──► well
//
// A lookup that works ends what lookups began. A run of refunds without an
// answer, and the pause after it, end by a refund's answer only.
//
// A provider that falls ill again within two minutes goes on with the doubling
// where it was, so that one that fails, works and fails is not tried every
// second.
//
// The package promises that one trial call at a time is under way over all
// processes, and that a caller that dies with it blocks nobody longer than its
// lease. It never decides what happened: callers report that, and report as
// refusals only those that speak against the provider rather than the payment.
//
// All times are those of the Redis server's clock. A provider's state is one
// hash that stays, because PausedFor counts for ever.
package pause
