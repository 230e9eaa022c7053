// Package statement reads a provider's statement of refunds, a CSV file, and
// compares it with what the journal says.
//
// No provider documents the form of its statements, so nothing about a form is
// built in: a Form says which column holds what, and where it does not, a column
// is taken by its name only if that leaves no doubt. An amount that can be read
// in two ways is an error, and one bad row stops the comparison: half a
// statement would show refunds as missing that are not.
//
// It changes nothing, asks nobody, and holds at most MaxRows rows.
package statement
