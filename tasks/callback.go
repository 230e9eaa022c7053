package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/ratelimit"
	"refundworker/refund"
)

// ErrUnknownCallback says that nobody was given this address.
var ErrUnknownCallback = errors.New("unknown callback address")

// callbackLimit bounds what the callbacks of one refund cause, over all
// workers: whoever got hold of its address and repeats it must not use up the
// provider's rate limit. A company calls back once or twice; what is dropped
// here is found out by polling.
var callbackLimit = ratelimit.Limit{Calls: 1, Per: time.Minute}

const callbackBurst = 8

// Callback takes a provider's callback for one refund. Nothing of its content
// is believed: it proves that the provider has the request, and makes the
// worker ask at once. The refund returned is to be roused; nil: there is nothing
// to do.
//
// Redis is asked only after the token was right, so that an address that nobody
// was given is answered in one way and in one time, whether there is such a
// refund or not.
func (p *Processor) Callback(ctx context.Context, provider, refundID, token string) (*journal.Record, error) {
	account, ok := p.accounts[provider]
	receiver, can := account.API.(providers.CallbackReceiver)
	if !ok || !can || !refund.ValidID(refundID) || !receiver.KnowsCallback(refundID, token) {
		return nil, ErrUnknownCallback
	}
	_, allowed, err := p.Desk.Limiter.Reserve(ctx, "callback:"+refundID, callbackLimit, callbackBurst, 0)
	if err != nil || !allowed {
		return nil, err
	}
	for range maxSteps {
		rec, err := p.Journal.Get(ctx, refundID)
		if errors.Is(err, journal.ErrNotFound) || err == nil && rec.Provider != provider {
			return nil, ErrUnknownCallback
		}
		if err != nil {
			return nil, err
		}
		ctx, span := p.resume(ctx, "callback", trace.SpanKindServer, rec)
		next, err := p.calledBack(ctx, account, rec)
		end(span, cmp.Or(next, rec), err)
		if !errors.Is(err, journal.ErrStale) {
			return next, err
		}
	}
	return nil, fmt.Errorf("refund %s keeps changing", refundID)
}

// calledBack acts on a callback about a refund as it was read. The refund
// returned is to be roused; nil: there is nothing to do.
func (p *Processor) calledBack(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	switch rec.State {
	case refund.Unknown, refund.Accepted:
		if rec.Known && rec.Due.Before(rec.Now) {
			return rec, nil // a replay while the first is being looked into
		}
		return p.Journal.Apply(ctx, rec, called(rec))
	case refund.Sending:
		// The attempt that is running will hear for itself.
		if rec.Known {
			return nil, nil
		}
		step := called(rec)
		step.Due = rec.Due.Sub(rec.Now)
		_, err := p.Journal.Apply(ctx, rec, step)
		return nil, err
	case refund.Queued:
		if rec.Attempts == 0 && !rec.Restored {
			return nil, nil
		}
		// An attempt that was taken for not carried out has arrived.
		next, err := p.Journal.Apply(ctx, rec, p.arrived(rec))
		if err == nil {
			p.note(ctx, rec, next)
		}
		return next, err
	case refund.Review:
		if rec.Known {
			return nil, nil
		}
		step := called(rec)
		step.NoDue = rec.Due.IsZero()
		step.Due = rec.Due.Sub(rec.Now)
		_, err := p.Journal.Apply(ctx, rec, step)
		return nil, err
	}
	return nil, p.recheck(ctx, a, rec)
}

// called is the step for a callback. Only the first leaves a line in the history.
func called(rec *journal.Record) journal.Step {
	step := rec.Callback()
	if rec.Known {
		step.Note = ""
	}
	return step
}

// arrived is the step for a callback about a refund that is queued again: the
// provider has what was thought not to have been carried out.
func (p *Processor) arrived(rec *journal.Record) journal.Step {
	step := rec.Callback()
	step.To, step.Note = refund.Unknown, "the provider called back about an attempt that was taken for not carried out"
	step.Set["unproven"], step.Set["lost"], step.Set["guarded"], step.Set["risk"], step.Set["lookups"] = "1", "1", "", "", ""
	step.Set["why"] = "the provider has the request: asking whether money moved"
	if rec.Attempts > 0 {
		firstUnproven(rec, step.Set)
	}
	if rec.AttemptEnd.IsZero() {
		step.Set["attempt_end"], step.Set["end_wall"] = number(rec.Now.UnixMilli()), p.wall()
	}
	return step
}

// recheck asks the provider about a settled refund, and records and raises what
// contradicts it. The state stays.
func (p *Processor) recheck(ctx context.Context, a Account, rec *journal.Record) error {
	if rec.Contradicted != "" {
		return nil
	}
	statuser, ok := a.API.(providers.RefundStatuser)
	if !ok || rec.ProviderRefundID == "" {
		if rec.State == refund.Succeeded {
			return nil
		}
		return p.contradict(ctx, rec, "the provider called back about a refund that it does not have, as far as we know")
	}
	pass, err := p.gate(ctx, a)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	call, span := p.lookupSpan(call, rec)
	status, err := statuser.RefundStatus(call, rec.ProviderRefundID)
	endLookup(span, err)
	if err != nil {
		p.report(ctx, a, pause.Nothing().Of(pass))
		return err
	}
	p.report(ctx, a, pause.Answered().Of(pass))
	against := rec.State == refund.Succeeded && status.Progress == providers.Rejected ||
		rec.State == refund.Declined && status.Progress == providers.Done
	if !against {
		return nil
	}
	return p.contradict(ctx, rec, "the provider says "+status.Raw)
}

// contradict records evidence against a final state, and raises it.
func (p *Processor) contradict(ctx context.Context, rec *journal.Record, evidence string) error {
	p.Log.Error("evidence against a settled refund: compare with the provider's statement",
		about(rec, zap.String("evidence", evidence))...)
	next, err := p.Journal.Apply(ctx, rec, rec.Contradict(p.By, evidence))
	if err != nil && !errors.Is(err, journal.ErrStale) {
		return err
	}
	if err == nil {
		p.Observer.Contradicted(rec.Provider)
	}
	return p.Journal.Relay(ctx, next)
}
