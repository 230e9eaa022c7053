package tasks

import (
	"context"
	"errors"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
)

// asked is what a provider said of a payment and when it was asked.
type asked struct {
	status providers.PaymentStatus
	total  *int64    // refunded and requested; nil: it can't tell
	at     time.Time // Redis's clock when it was asked
	pass   pause.Pass
}

// pending is how much of the total is only requested, in minor units.
func (a asked) pending() int64 {
	if a.status.Requested == nil {
		return 0
	}
	return *a.status.Requested
}

// look asks the provider how much of the payment is refunded. A provider that
// has no such lookup, or does not know, leaves all figures nil: that proves
// nothing. When the answer is to wait, rec is the refund as put off.
func (p *Processor) look(ctx context.Context, a Account, rec *journal.Record) (asked, *journal.Record, error) {
	var got asked
	statuser, ok := a.API.(providers.PaymentStatuser)
	if !ok {
		return got, nil, nil
	}
	started := p.Now()
	pass, err := p.gate(ctx, a)
	if err != nil {
		return got, nil, err
	}
	got.pass = pass
	got.at = rec.Now.Add(p.Now().Sub(started))
	call, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	call, span := p.lookupSpan(call, rec)
	asking := p.Now()
	status, err := statuser.PaymentStatus(call, providers.PaymentQuery{PaymentID: rec.PaymentID, Currency: rec.Currency})
	rec.Took = p.Now().Sub(asking)
	endLookup(span, err)
	var failed *providers.LookupError
	switch {
	case errors.As(err, &failed) && failed.Unsupported:
		p.report(ctx, a, pause.Answered().Of(pass))
		return got, nil, nil
	case errors.As(err, &failed):
		put, err := p.failedLookup(ctx, a, rec, failed, pass)
		return got, put, err
	case err != nil:
		p.report(ctx, a, pause.Nothing().Of(pass))
		return got, nil, err
	}
	p.report(ctx, a, pause.Answered().Of(pass))
	got.status = status
	if total, ok := status.Total(); ok {
		got.total = &total
	}
	return got, nil, nil
}
