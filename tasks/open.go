package tasks

import (
	"context"
	"errors"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
)

// open begins the attempt of a refund that nobody has touched since it was taken
// in, in the same round trip that reads it: where the provider is not asked
// before an attempt and nothing limits the calls to it, there is nothing to think
// about in between. The record is nil where it was not read; what was begun is nil
// where the refund has to go the usual way.
//
// Where calls are limited it is not worth its price: a slot that is taken before
// the refund is known to need it is lost if it does not.
func (p *Processor) open(ctx context.Context, o refund.Order) (*journal.Record, *begun, error) {
	a, ok := p.accounts[o.Provider]
	needer, needs := a.API.(providers.AmountNeeder)
	if !ok || a.Preflight || !a.RateLimit.Unlimited || a.Limits != (config.Limits{}) || o.Full && needs && needer.NeedsAmount() {
		return nil, nil, nil
	}
	// Whatever else there is to do for the refund must not wait for its provider, and
	// what has to waits for itself.
	pass, ok := p.glance(ctx, a)
	if !ok {
		return nil, nil, nil
	}
	b, attempt := p.beginning(a), begun{pass, p.Now()}
	b.Set["start_wall"], b.Set["paused_before"] = number(attempt.started.UnixMilli()), pausedBefore(pass)
	writing, written := writingAhead(ctx)
	defer written()
	rec, err := p.Journal.Open(writing, o, b)
	if err == nil {
		return rec, &attempt, nil
	}
	p.report(ctx, a, pause.Nothing().Of(pass))
	var blocked *journal.Blocked
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, nil, nil
	case errors.Is(err, journal.ErrStale), errors.As(err, &blocked), errors.Is(err, journal.ErrNotAdmitted):
		return rec, nil, nil
	}
	rec, err = p.takeBack(ctx, a, &journal.Record{ID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID}, b.Token, pass, err)
	if err != nil {
		return nil, nil, err
	}
	return rec, nil, nil
}
