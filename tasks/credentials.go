package tasks

import (
	"context"
	"errors"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
)

// credentials looks into an attempt that was refused for its credentials. If a
// harmless call is refused too, the provider pauses and the refund waits. If
// that call works, only this refund is refused, and a person has to look. rec
// is queued again already: nothing moved.
func (p *Processor) credentials(ctx context.Context, a Account, rec *journal.Record, o providers.Outcome, pass pause.Pass) (*journal.Record, error) {
	err := p.probe(ctx, a, rec)
	var failed *providers.LookupError
	switch {
	case err == nil || errors.As(err, &failed) && failed.Unsupported:
		p.report(ctx, a, pause.Refusal(code(o), o.Message).Of(pass))
		return p.review(ctx, rec, "permission", "the provider refuses this refund for its credentials or permission ("+code(o)+"), while other calls work")
	case errors.As(err, &failed) && failed.Kind != providers.Misconfigured:
		p.report(ctx, a, pause.Sick(failed.Code).Of(pass))
		return rec, nil
	case failed == nil && !errors.Is(err, errNoProbe):
		return rec, err
	}
	p.report(ctx, a, pause.Credentials(code(o)).Of(pass))
	return rec, nil
}

// recentGood is how long a call that worked speaks for the credentials.
const recentGood = 5 * time.Minute

// denied handles a lookup that was refused for its credentials. The provider
// pauses unless other calls work: then the refusal is this refund's own, such as
// an order of another merchant, and a person has to look.
func (p *Processor) denied(ctx context.Context, a Account, rec *journal.Record, wait time.Duration, detail string, pass pause.Pass) (*journal.Record, error) {
	status, err := p.Desk.Board.State(ctx, a.Name)
	if err != nil {
		return rec, err
	}
	first := rec.Denied.IsZero()
	switch {
	case !first && status.LastGood.After(rec.Denied):
		p.report(ctx, a, pause.Nothing().Of(pass))
		return p.review(ctx, rec, "permission", "the provider refuses to look this payment up ("+detail+"), while other calls work")
	case first && rec.Now.Sub(status.LastGood) < recentGood:
		p.report(ctx, a, pause.Nothing().Of(pass))
	default:
		p.report(ctx, a, pause.Credentials(detail).Of(pass))
	}
	set := map[string]string{"why": a.Name + " refuses the credentials (" + detail + ")"}
	if first {
		set["denied"] = number(rec.Now.UnixMilli())
	}
	return p.Journal.Apply(ctx, rec, journal.Step{Due: wait, Set: set, By: p.By})
}

var errNoProbe = errors.New("no harmless call to try the credentials with")

// probe makes a harmless call that needs the credentials.
func (p *Processor) probe(ctx context.Context, a Account, rec *journal.Record) error {
	statuser, canAsk := a.API.(providers.PaymentStatuser)
	prober, canProbe := a.API.(providers.Prober)
	if !canAsk && !canProbe {
		return errNoProbe
	}
	wait, ok, err := p.Desk.Limiter.Reserve(ctx, a.Name, a.RateLimit, a.Burst, a.Timeout)
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
