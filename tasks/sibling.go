package tasks

import (
	"context"
	"fmt"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// doubt says what other refunds of a payment do to the proof that an attempt
// moved nothing. One that the provider had accepted before the attempt stands in
// the baseline; if it is rejected, the total falls by as much as the attempt may
// have added. pending: that can still happen; takenBack: it has.
func (p *Processor) doubt(ctx context.Context, rec *journal.Record) (pending, takenBack bool, err error) {
	siblings, err := p.Journal.ByPayment(ctx, rec.Provider, rec.PaymentID)
	if err != nil {
		return false, false, err
	}
	for _, s := range siblings {
		if s.ID == rec.ID || s.Attempts == 0 {
			continue
		}
		list, err := s.AttemptList()
		if err != nil {
			return false, false, fmt.Errorf("refund %s: %w", rec.ID, err)
		}
		if list[len(list)-1].Outcome != providers.Accepted.String() && !s.ByTotal {
			continue
		}
		switch s.State {
		case refund.Accepted, refund.Review:
			pending = true
		case refund.Declined:
			takenBack = takenBack || !s.Settled.Before(rec.FirstUnproven)
		}
	}
	return pending, takenBack, nil
}
