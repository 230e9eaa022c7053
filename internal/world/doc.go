// Package world is a small world for tests of the safe path: a Redis, any
// number of processes that share it, and companies that move money, all in a
// testing/synctest bubble. Time is virtual: it stands still while anybody
// works, and waiting costs nothing.
//
// What is simulated is the outside. The journal, the processor, the sweeper,
// the enqueuer and the operator are the real ones, over the real scripts; only
// asynq's servers are played, move by move (see Process.Work), because they
// are what makes deliveries come at odd times.
//
// Every round trip to Redis and every call of a provider is a step. Steps are
// counted in one row over all processes, and a fault can be put on any of them:
// the process dies before or after it, freezes, or loses a write or a reply.
// Nothing registers steps: they are seen where the process leaves itself.
package world
