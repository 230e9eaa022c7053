// Package ratelimit is a provider's rate limit, shared by all processes through
// Redis.
//
// It promises that in any span of time t at most burst + rate·t slots are
// handed out for a provider, however many processes ask, by the clock of the
// Redis server. It never blocks: it says how long to wait, and the caller
// waits. It does not see the calls themselves: what the network adds between a
// slot and its call may bring two calls closer together at the provider than
// their slots were.
package ratelimit
