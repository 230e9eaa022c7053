package batch

// Counting returns the naming of a file that counts so many contents in memory, and
// how many files it has.
func Counting(most int) (n *Naming, files func() int) {
	n = &Naming{seen: occurrences{most: most}}
	return n, func() int { return len(n.seen.runs) }
}
