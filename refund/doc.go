// Package refund holds the words of the domain: a Request to give money back,
// the Money it speaks of, and the State a refund is in.
//
// The package does no I/O and imports nothing else of this module. It promises
// that money is counted in integer minor units and never passes through a
// float, and that a Request that was accepted by Check has one canonical form,
// so that two spellings of one refund are recognised as one.
package refund
