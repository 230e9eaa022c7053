// Package cli is what the command lines have in common: running a command with
// its streams injected, exit statuses, the configuration and the connection to
// Redis, and output for people and scripts.
//
// A command prints its answer on standard output and everything else on
// standard error. It never ends the process itself.
package cli
