package worker

import "context"

// asynq gives each task two goroutines of its own. Their stacks begin small, and
// whenever one is too small it is copied into another of twice the size, every
// frame of it looked at: the deeper the calls, the dearer. So each grows at once,
// while hardly anything is on it, to what a refund takes.

// stackRoom is half of that.
const stackRoom = 8 << 10

// makeRoom has the stack of this goroutine grow to 2*stackRoom at least, which a
// function does when it is entered, for all that it may put there: called with 0 it
// goes again before it has cleared any of it. The compiler knows neither.
//
//go:noinline
func makeRoom(i int) byte {
	if i == 0 {
		return 0
	}
	var room [stackRoom]byte
	return room[i]
}

// roomy is the context that asynq begins a task's with, in the first of its
// goroutines, which also writes down how the task ended.
func roomy() context.Context {
	makeRoom(0)
	return context.Background()
}
