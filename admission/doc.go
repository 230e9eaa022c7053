// Package admission asks a provider's pause board and its rate limit at once,
// because every call to a provider needs the word of both.
//
// It promises what the two packages promise, in one round trip instead of two:
// a slot is reserved only where the board lets the call through. It keeps
// nothing of its own and decides nothing: the rules are in pause/enter.lua and
// ratelimit/reserve.lua, which run as they are.
package admission
