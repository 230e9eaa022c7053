// Package sandbox simulates the payment companies: it speaks the protocols of
// UnitPay, maib and Sberbank over HTTP, keeps a ledger of the money that really
// went back, and fails in the ways that real companies fail, on command.
//
// It is the fake of the tests, the provider of the demo, and a command for
// people who try the worker by hand. It reads the protocols on its own: it
// never imports a driver, so that a driver's misreading does not become the
// fake's. It promises that its ledger is the truth of what moved, whatever its
// answers say, and that it never writes a credential anywhere.
//
// It never talks to a real company, and it is not a place for real
// credentials: the ones it asks for are constants of this package.
package sandbox
