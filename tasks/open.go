package tasks

import (
	"cmp"
	"context"
	"errors"

	"github.com/hibiken/asynq"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
)

// open begins the attempt of a refund that nobody has touched since it was taken
// in, in the same round trip that asks whether the provider may be called: where it is
// not asked anything before an attempt and nothing limits the calls to it, there is
// nothing to think about in between. The record is nil where nothing is known of it;
// what was begun is nil where the refund has to go the usual way.
//
// Where calls are limited most of them have to wait for their slot, for which the
// usual way writes the attempt ahead just in time. In a cluster the three lie on
// different servers.
func (p *Processor) open(ctx context.Context, o refund.Order) (*journal.Record, *begun, error) {
	a, ok := p.accounts[o.Provider]
	needer, needs := a.API.(providers.AmountNeeder)
	if !ok || p.Journal.Clustered() || a.Preflight || !a.RateLimit.Unlimited || a.Limits != (config.Limits{}) || o.Full && needs && needer.NeedsAmount() {
		return nil, nil, nil
	}
	// Whatever else there is to do for the refund must not wait for its provider, and
	// what has to waits for itself.
	if lastTry(ctx) || seatOf(ctx).take(ctx, p.Draining) != nil || p.barred() != nil || ctx.Err() != nil {
		return nil, nil, nil
	}
	asking, err := p.Desk.Asking(callOf(a))
	if err != nil {
		return nil, nil, err
	}
	b, attempt := p.beginning(a), begun{asking.Unheard(), p.Now()}
	b.Set["start_wall"] = number(attempt.started.UnixMilli())
	writing, written := writingAhead(ctx)
	defer written()
	rec, said, err := p.Journal.Open(writing, o, b, &journal.Gate{Keys: asking.Keys, Args: asking.Args})
	if said != nil {
		pass, unread := asking.Pass(said)
		if unread == nil {
			attempt.pass = pass
		}
		err = cmp.Or(err, unread)
	}
	var blocked *journal.Blocked
	switch {
	case err == nil:
		return rec, &attempt, nil
	case errors.Is(err, journal.ErrNotFound):
		return nil, nil, nil
	case errors.Is(err, journal.ErrShut):
		if attempt.pass.Open { // and there is no slot
			p.report(ctx, a, pause.Nothing().Of(attempt.pass))
		}
		return nil, nil, nil
	case errors.Is(err, journal.ErrStale), errors.As(err, &blocked), errors.Is(err, journal.ErrNotAdmitted):
		return rec, nil, nil
	}
	p.report(ctx, a, pause.Nothing().Of(attempt.pass)) // also where it is not known what the gate said
	rec, err = p.takeBack(ctx, a, &journal.Record{ID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID}, b.Token, attempt.pass, err)
	if err != nil {
		return nil, nil, err
	}
	return rec, nil, nil
}

// lastTry reports whether the queue gives the task up if this try is not its end. If
// the worker dies meanwhile nothing else may know of it: it has to be in the journal
// before it waits for anything.
func lastTry(ctx context.Context) bool {
	tried, ok := asynq.GetRetryCount(ctx)
	most, bounded := asynq.GetMaxRetry(ctx)
	return ok && bounded && tried >= most
}
