package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
)

// refusalTries is how often a refund is tried again after a refusal whose
// meaning the provider's status could not explain.
const refusalTries = 5

// settle writes down what the provider said of an attempt. It keeps trying
// while Redis is away, because an answer that is not written down becomes an
// unknown attempt.
func (p *Processor) settle(ctx context.Context, a Account, rec *journal.Record, o providers.Outcome, pass pause.Pass, ended time.Time) (settled *journal.Record, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	ctx, span := p.span(ctx, "settle", trace.SpanKindInternal, rec)
	defer func() { end(span, settled, err) }()
	attempt := rec.Attempts
	// Writing it down comes first: until then the answer is only ours.
	defer func() { p.inform(ctx, a, o, pass) }()
	step := p.decide(a, rec, o, ended)
	step.Token = journal.NewToken()
	for try := 0; ; try++ {
		next, err := p.Journal.Apply(ctx, rec, step)
		switch {
		case err == nil:
			if next.State == refund.Queued {
				p.note(ctx, rec, next) // Run finds it as it was before: queued
				if o.Kind == providers.Misconfigured {
					return p.credentials(ctx, a, next, o, pass)
				}
			}
			return next, nil
		case errors.Is(err, journal.ErrStale):
			// A callback came meanwhile, somebody took the attempt for lost, or
			// the reply to this very step was lost. What was written down before the
			// refund went on is no news. The provider's word still counts for an
			// attempt that is running or taken for lost.
			if next.Ended(attempt, ended, o.Kind.String(), o.Code) {
				return next, err
			}
			taken := next.State == refund.Unknown && next.AttemptCode() == lostCode
			if next.Attempts != attempt || next.State != refund.Sending && !taken {
				return next, errors.Join(err, p.tooLate(ctx, next, attempt, o))
			}
			rec, step = next, p.decide(a, next, o, ended)
			step.Token = journal.NewToken()
		case ctx.Err() != nil:
			return rec, fmt.Errorf("outcome %s of attempt %d of refund %s is not written down, it will be reconciled: %w", o.Kind, attempt, rec.ID, err)
		default:
			p.Log.Warn("outcome not written down yet: trying again until Redis takes it", about(rec, zap.String("outcome", o.Kind.String()), zap.Int("try", try), zap.Error(err))...)
			if p.pauseFor(ctx, p.Policy.Backoff(providers.Unavailable, try, 0, p.Random)) != nil {
				return rec, err
			}
			// The same token again: what was written and not confirmed is confirmed by
			// the repeat, and nothing happens twice.
		}
	}
}

// tooLate deals with the word of a provider that comes after the refund went on
// without it: a worker that was frozen wakes up with it. A word that the
// provider has the refund is evidence, whatever was concluded meanwhile.
func (p *Processor) tooLate(ctx context.Context, rec *journal.Record, attempt int, o providers.Outcome) error {
	has := o.Kind == providers.Succeeded || o.Kind == providers.Accepted || o.Kind == providers.Partial
	if !has || rec.State == refund.Succeeded || rec.State == refund.Accepted {
		return nil
	}
	evidence := "late: " + said(attempt, o)
	switch {
	case rec.State.Terminal():
		return p.contradict(ctx, rec, evidence)
	case rec.State == refund.Queued:
		step := p.arrived(rec)
		step.By, step.Note = p.By, evidence
		next, err := p.Journal.Apply(ctx, rec, step)
		if err == nil {
			p.note(ctx, rec, next)
		}
		return err
	}
	p.Log.Error("a provider's word came after the refund went on without it: it counts as evidence", about(rec, zap.String("evidence", evidence))...)
	_, err := p.Journal.Apply(ctx, rec, journal.Step{By: p.By, Note: evidence, NoDue: rec.Due.IsZero(), Due: rec.Due.Sub(rec.Now), Set: map[string]string{"known": "1"}})
	return err
}

func (p *Processor) pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, 5*time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inform tells the board and the limiter how the call went. A refusal of the
// credentials is looked into first, by credentials.
func (p *Processor) inform(ctx context.Context, a Account, o providers.Outcome, pass pause.Pass) {
	result := pause.Nothing()
	if o.Kind.Good() {
		result = pause.Good()
	}
	switch o.Kind {
	case providers.RateLimited:
		p.penalize(ctx, a, p.Policy.Backoff(o.Kind, 0, o.RetryAfter, p.Random))
	case providers.Unavailable:
		if o.Code != codeNotDurable && o.Code != providers.CodeTooLate { // those are our own slowness
			result = pause.Unanswered(o.Code)
		}
	case providers.Unknown:
		result = pause.Unanswered(o.Code)
		if o.Refused {
			result = pause.Refusal(o.Code, o.Message)
		}
	}
	p.report(ctx, a, result.Of(pass))
}

// decide says what an outcome makes of the refund. It changes nothing itself.
func (p *Processor) decide(a Account, rec *journal.Record, o providers.Outcome, ended time.Time) journal.Step {
	s := journal.Step{By: p.By, Note: said(rec.Attempts, o), Ended: rec.EndAttempt(ended, o.Kind.String(), o.Code, o.Message, o.Parts),
		Set: map[string]string{"deadline": "", "attempt_end": number(ended.UnixMilli()), "end_wall": p.wall()}}
	if o.ProviderRefundID != "" {
		s.Set["provider_refund_id"] = o.ProviderRefundID
	}
	moved := ""
	if o.Moved != nil {
		moved = number(*o.Moved)
	} else if minor, ok := rec.Send(); ok {
		moved = number(minor)
	}
	switch o.Kind {
	case providers.Succeeded:
		s.To, s.NoDue = refund.Succeeded, true
		s.Set["moved"], s.Set["reason_code"] = moved, ""
	case providers.Accepted:
		s.To, s.Due = refund.Accepted, retry.Poll(a.Poll.Initial, a.Poll.Max, 0, p.Random)
		s.Set["why"], s.Set["lookups"], s.Set["fails"] = "the provider works on it", "", ""
	case providers.Declined:
		if rec.Unproven {
			return p.unknown(a, rec, s, o)
		}
		s.To, s.NoDue = refund.Declined, true
		s.Set["reason_code"] = code(o)
	case providers.Partial:
		s.To, s.NoDue = refund.Review, true
		s.Set["partial"], s.Set["reason_code"] = "1", "partial"
		if s.Set["moved"] = moved; o.Moved == nil {
			s.Set["moved"] = number(movedParts(o.Parts))
		}
		s.Set["why"] = "one part moved and another did not: decide with the amount that moved"
	case providers.Unavailable, providers.RateLimited, providers.Misconfigured:
		s.To = refund.Queued
		s.Due = p.Policy.Backoff(o.Kind, rec.Fails, o.RetryAfter, p.Random)
		s.Set["fails"] = number(rec.Fails + 1)
		s.Set["why"] = fmt.Sprintf("attempt %d was not carried out (%s)", rec.Attempts, code(o))
	default:
		return p.unknown(a, rec, s, o)
	}
	return s
}

// unknown completes the step of an attempt of which nobody knows whether money
// moved, or whose refusal has to be explained.
func (p *Processor) unknown(a Account, rec *journal.Record, s journal.Step, o providers.Outcome) journal.Step {
	s.To, s.NoDue, s.Due = refund.Unknown, false, a.Reconcile.First
	refused := o.Refused || o.Kind == providers.Declined
	s.Set["unproven"], s.Set["refused"], s.Set["guarded"], s.Set["risk"] = "1", flag(refused), "", ""
	if !refused {
		s.Set["lost"] = "1"
	}
	firstUnproven(rec, s.Set)
	s.Set["lookups"], s.Set["fails"] = "", ""
	s.Set["why"] = fmt.Sprintf("attempt %d is unknown (%s): asking the provider whether money moved", rec.Attempts, code(o))
	return s
}

func code(o providers.Outcome) string {
	if o.Code != "" {
		return o.Code
	}
	return o.Kind.String()
}

func said(attempt int, o providers.Outcome) string {
	return journal.Attempt{Number: attempt, Outcome: o.Kind.String(), Code: o.Code, Message: o.Message}.Said()
}

func movedParts(parts []providers.Part) int64 {
	var sum int64
	for _, part := range parts {
		if part.Moved {
			sum += part.Minor
		}
	}
	return sum
}
