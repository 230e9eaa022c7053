// Package redisconn connects to Redis, checks that it keeps what it is told,
// and runs scripts whose writes are as durable as configured before anyone
// hears of them.
//
// No error of this package holds a password. It never lowers a requirement:
// what can't be verified is an error, or was stated by the operator and is
// reported as such.
package redisconn
