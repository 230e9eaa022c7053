//go:build !race

package batch_test

// size is how large a file the reader must not be impressed by.
const size = 100 << 20
