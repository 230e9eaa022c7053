package tasks

import (
	"context"
	"fmt"
	"slices"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// doubt says what other refunds of a payment do to the proof that an attempt
// moved nothing. One that the provider may have had before the attempt stands in
// the baseline; if it is dropped, the total falls by as much as the attempt may
// have added. pending: that can still happen; takenBack: it may have.
func (p *Processor) doubt(ctx context.Context, a Account, rec *journal.Record) (pending, takenBack bool, err error) {
	siblings, err := p.Journal.ByPayment(ctx, rec.Provider, rec.PaymentID)
	if err != nil {
		return false, false, err
	}
	for _, s := range siblings {
		accepted, err := wasAccepted(s)
		if err != nil {
			return false, false, fmt.Errorf("refund %s: %w", rec.ID, err)
		}
		// That it succeeded is the provider's word, unless a person gave theirs.
		dropped := s.State == refund.Declined || s.State == refund.Canceled || s.State == refund.Succeeded && s.ReasonCode == "resolved"
		switch {
		case s.ID == rec.ID:
			// An attempt of its own that was rejected before this one.
			takenBack = takenBack || accepted
		case s.Contradicted != "":
			takenBack = true
		case !accepted && !s.Unproven && !s.TakenOn():
		case dropped:
			// The provider may show it for a while after it was dropped.
			takenBack = takenBack || s.Settled.Add(a.Reconcile.Settle).After(rec.FirstUnproven) ||
				!rec.WallFirst.IsZero() && s.WallSettled.Add(a.Reconcile.Settle).After(rec.WallFirst)
		case !s.State.Terminal():
			pending = true
		}
	}
	return pending, takenBack, nil
}

// wasAccepted reports whether the provider ever said that it works on a refund.
func wasAccepted(rec *journal.Record) (bool, error) {
	list, err := rec.AttemptList()
	if err != nil {
		return false, err
	}
	return rec.ByTotal || slices.ContainsFunc(list, func(n journal.Attempt) bool { return n.Outcome == providers.Accepted.String() }), nil
}

// unprovenSibling names another open refund of the payment that has an unproven
// attempt; empty if there is none. Two of them would wait for each other.
func (p *Processor) unprovenSibling(ctx context.Context, rec *journal.Record) (string, error) {
	siblings, err := p.Journal.ByPayment(ctx, rec.Provider, rec.PaymentID)
	if err != nil {
		return "", err
	}
	for _, s := range siblings {
		if s.ID != rec.ID && s.Unproven && !s.State.Terminal() {
			return s.ID, nil
		}
	}
	return "", nil
}
