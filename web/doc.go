// Package web shows the worker's pages: how the providers stand, every refund
// with all that is known of it, and what waits for a person, with the means to
// decide it.
//
// It promises that a page never reads all refunds, that every action is one of
// tasks.Operator under a person's name and against the state that the person
// saw, and that no page holds a secret or an unmasked receipt. It never decides
// who a person is or what they may do: that is the Gate's.
package web
