// Package tasks carries refunds from the queue through the journal to a
// provider and back.
//
// An order system makes an Enqueuer and calls Enqueue. A worker makes a
// Processor, which is a step function on the journal: it looks at the state a
// refund is in, does the one next thing, and sends only what the journal holds.
// It may be called for the same refund twice, at the same time, by two
// processes, or not at all for an hour: money moves at most once.
package tasks
