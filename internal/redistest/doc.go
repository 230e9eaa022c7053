// Package redistest runs real redis-server processes for tests. Each server
// has a free port on loopback and a folder of its own, and ends with its test.
package redistest
