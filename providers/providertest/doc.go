// Package providertest is the contract that every driver passes, and what the
// tests of drivers share. Run drives an account against the simulated companies
// of the sandbox through every way to fail, and checks the one thing that
// matters: what the driver says never claims more than the provider's word.
//
// A driver's test calls Run with a Harness of its own. The package is for tests
// only.
package providertest
