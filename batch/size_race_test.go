//go:build race

package batch_test

// size is smaller under the race detector, which makes each byte cost twenty
// times as much.
const size = 16 << 20
