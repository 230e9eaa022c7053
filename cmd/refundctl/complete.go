package main

import (
	"context"
	"strings"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

// openStates are those in which a person may look for a refund, the most urgent
// first.
var openStates = []refund.State{refund.Review, refund.Unknown, refund.Accepted, refund.Sending, refund.Queued}

// completeRefund offers the ids of refunds in these states, in this order.
func (c *control) completeRefund(states ...refund.State) cli.Completion {
	return c.setup.FromRedis(func(ctx context.Context, s *cli.Session, begun string, yield func(word, about string) bool) {
		for _, state := range states {
			for rec, err := range s.Backend.Journal.List(ctx, journal.Filter{State: state}) {
				if err != nil {
					return // the time is over, or Redis went away: what was found is all
				}
				if strings.HasPrefix(rec.ID, begun) && !yield(rec.ID, aboutRefund(rec)) {
					return
				}
			}
		}
	})
}

// aboutRefund says in a few words which refund it is.
func aboutRefund(rec *journal.Record) string {
	v := rec.View()
	words := []string{string(v.State), v.Provider, v.PaymentID, amountOf(v), v.Currency, v.ReasonCode}
	return strings.TrimSpace(strings.Join(words, " "))
}
