package tasks

import (
	"context"
	"errors"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
)

// credentials looks into an attempt that was refused for its credentials. If a
// harmless call is refused too, the provider pauses and the refund waits. If
// that call works, only this refund is refused, and a person has to look. rec
// is queued again already: nothing moved.
func (p *Processor) credentials(ctx context.Context, a Account, rec *journal.Record, o providers.Outcome) (*journal.Record, error) {
	err := p.probe(ctx, a, rec)
	var failed *providers.LookupError
	switch {
	case err == nil || errors.As(err, &failed) && failed.Unsupported:
		p.report(ctx, a, pause.Refusal(code(o), o.Message))
		return p.review(ctx, rec, "permission", "the provider refuses this refund for its credentials or permission ("+code(o)+"), while other calls work")
	case errors.As(err, &failed) && failed.Kind != providers.Misconfigured:
		p.report(ctx, a, pause.Sick(failed.Code))
		return rec, nil
	case failed == nil && !errors.Is(err, errNoProbe):
		return rec, err
	}
	p.report(ctx, a, pause.Credentials(code(o)))
	return rec, nil
}

var errNoProbe = errors.New("no harmless call to try the credentials with")

// probe makes a harmless call that needs the credentials.
func (p *Processor) probe(ctx context.Context, a Account, rec *journal.Record) error {
	statuser, canAsk := a.API.(providers.PaymentStatuser)
	prober, canProbe := a.API.(providers.Prober)
	if !canAsk && !canProbe {
		return errNoProbe
	}
	wait, ok, err := p.Limiter.Reserve(ctx, a.Name, a.RateLimit, a.Burst, a.Timeout)
	if err != nil {
		return err
	}
	if !ok {
		return &providers.LookupError{Kind: providers.Unavailable, Code: "rate_limit"}
	}
	if err := p.sleep(ctx, wait); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	if canProbe {
		return prober.Probe(call)
	}
	_, err = statuser.PaymentStatus(call, providers.PaymentQuery{PaymentID: rec.PaymentID, Currency: rec.Currency})
	return err
}
