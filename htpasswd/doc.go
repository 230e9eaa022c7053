// Package htpasswd reads Apache's password files, bcrypt entries only, and
// compares passwords with them.
//
// It promises that a name that is not in the file takes as long to refuse as the
// dearest entry that is, and that no error holds a password or its hash. It never
// accepts another kind of hash, nor one too cheap to keep or too dear to check.
package htpasswd
