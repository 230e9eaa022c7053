// Package admission asks a provider's pause board and its rate limit at once,
// because every call to a provider needs the word of both.
//
// It promises what the two packages promise, in one round trip instead of two:
// a slot is reserved only where the board lets the call through. It
// decides nothing: the rules are in pause/enter.lua and ratelimit/reserve.lua,
// which run as they are. Nor does it keep anything but what time it is by the
// servers' clocks, so that a slot does not begin later where its answer is read late.
package admission
