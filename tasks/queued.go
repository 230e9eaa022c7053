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
)

// Bounds of an attempt.
const (
	baselineAge   = time.Minute     // how long a provider's figure may be the baseline
	deadlineGrace = time.Second     // after which others take an attempt over
	guardMargin   = 5 * time.Minute // kept clear of the end of a provider's same-amount refusal
)

// codeNotDurable is the code of an attempt that was not sent because writing it
// ahead was not confirmed.
const codeNotDurable = "not_durable"

// queued makes the next attempt of a refund: baseline, write ahead, send,
// settle.
func (p *Processor) queued(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	// What was sent and forgotten with the backup may still be carried out: only
	// when it can't be any more does the provider's figure prove anything.
	if left := p.restoredLeft(rec, a.Reconcile.Settle); rec.Restored && left > 0 {
		return p.later(ctx, rec, left, "the journal was restored from a backup: the settling time is not over", false)
	}
	b := p.beginning(a)
	for _, field := range []string{"lookups", "attempt_end", "end_wall", "denied", "lag_since"} {
		b.Set[field] = ""
	}
	pending := int64(0)
	if p.mustLook(a, rec) {
		got, put, err := p.look(ctx, a, rec)
		if put != nil || err != nil {
			return put, err
		}
		pending = got.pending()
		if step := p.weigh(a, rec, got); step != nil {
			return p.Journal.Apply(ctx, rec, *step)
		}
		if got.total != nil {
			b.Baseline, b.ReadAt = got.total, got.at
		}
		if rec.Full() && !rec.Unproven && got.status.Refundable != nil {
			rec.Frozen = got.status.Refundable
			b.Set["frozen"] = number(*rec.Frozen)
		}
	}
	if !rec.Unproven {
		// Without a look there is no baseline, which is not a baseline of zero.
		b.Set["baseline"], b.Set["base_pending"] = "", ""
		if b.Baseline != nil {
			b.Set["baseline"] = number(*b.Baseline)
		}
		if pending > 0 {
			b.Set["base_pending"] = number(pending)
		}
	}
	if why, err := p.beyond(ctx, a, rec); why != "" || err != nil {
		return p.askApproval(ctx, rec, why, err)
	}
	if guard, ok := a.API.(providers.SameAmountGuard); ok && rec.Guarded {
		b.Guard = guard.SameAmountGuard() - guardMargin
		if p.guardLeft(rec, b.Guard) <= 0 {
			return p.blocked(ctx, a, rec, &journal.Blocked{Why: journal.GuardOver})
		}
	}
	pass, s, err := p.gateEarly(ctx, a, attemptEarly)
	if err != nil {
		return rec, err
	}
	if rec.Attempts == 0 {
		b.Set["paused_before"] = pausedBefore(pass)
	} else if p.gaveUp(rec, pass) {
		p.report(ctx, a, pause.Nothing().Of(pass))
		return p.review(ctx, rec, "gave_up", "not settled in "+p.Policy.GiveUpAfter.String()+" since the first attempt")
	}
	// Last of all, so that the day counts only what is about to be sent.
	if why, err := p.beyondDay(ctx, a, rec, b); why != "" || err != nil {
		p.report(ctx, a, pause.Nothing().Of(pass))
		return p.askApproval(ctx, rec, why, err)
	}
	return p.attempt(ctx, a, rec, b, pass, s)
}

func (p *Processor) beginning(a Account) journal.Beginning {
	return journal.Beginning{Token: journal.NewToken(), MaxAge: baselineAge, Timeout: a.Timeout, Grace: deadlineGrace, By: p.By,
		Set: map[string]string{"account": a.Fingerprint}}
}

// mustLook reports whether the provider is to be asked before the attempt.
func (p *Processor) mustLook(a Account, rec *journal.Record) bool {
	needer, ok := a.API.(providers.AmountNeeder)
	switch {
	case rec.Restored:
		return true
	case rec.Unproven:
		// Asked before it was queued again, but that may be a while ago.
		return !rec.Guarded && !rec.Risk
	case ok && needer.NeedsAmount() && rec.Full():
		return true
	}
	return a.Preflight
}

// weigh says what the provider's figures forbid; nil lets the attempt go on.
func (p *Processor) weigh(a Account, rec *journal.Record, got asked) *journal.Step {
	to := func(state refund.State, code, note string) *journal.Step {
		return &journal.Step{To: state, NoDue: true, By: p.By, Note: note, Set: map[string]string{"reason_code": code, "why": note}}
	}
	if rec.Unproven && !rec.Guarded && !rec.Risk {
		if got.total == nil || rec.Baseline == nil || *got.total != *rec.Baseline {
			return &journal.Step{To: refund.Unknown, By: p.By, Note: "a fresh look no longer shows that nothing moved",
				Set: map[string]string{"lookups": ""}}
		}
		return nil
	}
	if c := got.status.Currency; c != "" && c != rec.Currency {
		return to(refund.Review, "currency", fmt.Sprintf("the payment is in %s, the refund in %s", c, rec.Currency))
	}
	if left := got.status.Refundable; left != nil && !rec.Unproven {
		if rec.Restored && (*left <= 0 || rec.Amount != nil && *rec.Amount > *left) {
			// What is missing may be this very refund, paid after the backup.
			return to(refund.Review, "after_restore", fmt.Sprintf("only %s is left to refund, and the journal was restored and may not know what moved", rec.Money(max(*left, 0))))
		}
		if *left <= 0 {
			return to(refund.Declined, "nothing_left", "nothing of the payment is left to refund")
		}
		if rec.Amount != nil && *rec.Amount > *left {
			return to(refund.Declined, "exceeds_refundable", fmt.Sprintf("%s asked, %s left to refund", rec.Money(*rec.Amount), rec.Money(*left)))
		}
	}
	if needer, ok := a.API.(providers.AmountNeeder); ok && needer.NeedsAmount() && rec.Full() && rec.Frozen == nil && got.status.Refundable == nil {
		return to(refund.Review, "amount_unknown", "the provider does not say how much is left, and a full refund needs the amount")
	}
	return nil
}

// attempt writes the attempt ahead and sends it, no earlier than its slot.
func (p *Processor) attempt(ctx context.Context, a Account, rec *journal.Record, b journal.Beginning, pass pause.Pass, s slot) (*journal.Record, error) {
	if err := ctx.Err(); err != nil {
		p.report(ctx, a, pause.Nothing().Of(pass))
		return rec, err
	}
	started := p.Now()
	b.Set["start_wall"] = number(started.UnixMilli())
	writing, written := writingAhead(ctx)
	defer written()
	sending, err := p.Journal.Begin(writing, rec, b)
	if err != nil {
		p.report(ctx, a, pause.Nothing().Of(pass))
	}
	var blocked *journal.Blocked
	switch {
	case errors.As(err, &blocked):
		put, err := p.blocked(ctx, a, sending, blocked)
		if err == nil {
			p.uncount(ctx, a, put, b.Token)
		}
		return put, err
	case errors.Is(err, journal.ErrStale):
		return sending, err
	case err != nil:
		return p.takeBack(ctx, a, rec, b.Token, pass, err)
	}
	p.note(ctx, rec, sending)
	p.ahead.took(time.Since(s.since))
	// Nothing cuts this short: it is less than attemptEarly, and then the attempt is due.
	<-time.After(time.Until(s.from))
	return p.send(ctx, a, sending, begun{pass, started})
}

// writingAhead is the context of writing an attempt ahead, which nothing cuts short:
// a call that is given up goes on all the same, and then the attempt would have
// begun, and nobody would make it.
func writingAhead(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleFor)
}

// begun is an attempt that is written ahead and was not sent yet.
type begun struct {
	pass    pause.Pass
	started time.Time // by the local clock, before it was written ahead
}

// send makes the attempt that is written ahead, once, and settles it.
func (p *Processor) send(ctx context.Context, a Account, rec *journal.Record, b begun) (*journal.Record, error) {
	deadline := b.started.Add(a.Timeout)
	minor, _ := rec.Send()
	// The attempt outlives whatever ends this run: it is on the wire, and only
	// its own deadline may cut it short.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline.Sub(p.Now()))
	call, span := p.span(call, "attempt", trace.SpanKindClient, rec)
	outcome := a.API.Refund(call, providers.Attempt{RefundID: rec.ID, Number: rec.Attempts, PaymentID: rec.PaymentID,
		Full: rec.Full(), Minor: minor, Currency: rec.Currency, Reason: rec.Reason, Receipt: rec.Receipt, Deadline: deadline})
	cancel()
	if outcome.Kind.Good() {
		seatOf(ctx).leave() // after anything else only when the board and the limiter have heard of it
	}
	endAttempt(span, rec.Attempts, outcome)
	outcome.Message = rec.Receipt.Hide(outcome.Message)
	p.Observer.Attempted(a.Name, outcome.Kind.String())
	return p.settle(ctx, a, rec, outcome, b.pass, rec.Now.Add(p.Now().Sub(b.started)))
}

// blocked handles an attempt that may not start now.
func (p *Processor) blocked(ctx context.Context, a Account, rec *journal.Record, b *journal.Blocked) (*journal.Record, error) {
	wait := p.Policy.Backoff(providers.Unavailable, rec.Fails, 0, p.Random)
	switch b.Why {
	case journal.Changed, journal.StaleBaseline:
		return rec, journal.ErrStale
	case journal.GuardOver:
		return p.review(ctx, rec, "not_proven", "nobody can tell whether money moved, and the provider no longer refuses the same amount")
	case journal.AfterRestore:
		return p.review(ctx, rec, "after_restore", "after a restore, the provider counts more or less as refunded than the journal knows")
	case journal.Lag:
		if !rec.LagSince.IsZero() && rec.Now.Sub(rec.LagSince) > p.Policy.GiveUpAfter {
			return p.review(ctx, rec, "provider_lags", "the provider counts less as refunded than the journal knows to have moved")
		}
		set := map[string]string{"why": "the provider does not show earlier refunds of the payment yet", "fails": number(rec.Fails + 1)}
		if rec.LagSince.IsZero() {
			set["lag_since"] = number(rec.Now.UnixMilli())
		}
		return p.Journal.Apply(ctx, rec, journal.Step{Due: wait, Set: set, By: p.By})
	case journal.InWindow:
		if b.Wait > 0 {
			return p.later(ctx, rec, b.Wait+10*time.Millisecond, "the window of refund "+b.Other+" has to end", false)
		}
		return p.later(ctx, rec, wait, "refund "+b.Other+" of the same payment comes first", true)
	case journal.Busy:
		return p.later(ctx, rec, wait, "an attempt of refund "+b.Other+" on the same payment is not settled", true)
	}
	return p.later(ctx, rec, wait, "refund "+b.Other+" of the same payment is not proven", true)
}

// takeBack undoes a write-ahead that failed or was not durable: nothing was
// sent, and nobody else may send under this caller's token. Where Redis can't
// be reached the attempt's deadline passes, and it is reconciled; so it is where the
// token is another's, because what runs may be an attempt that another has begun.
func (p *Processor) takeBack(ctx context.Context, a Account, rec *journal.Record, token string, pass pause.Pass, cause error) (*journal.Record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	now, err := p.Journal.Load(ctx, rec.Provider, rec.PaymentID, rec.ID)
	if err != nil || now.State != refund.Sending || now.Token != token {
		return rec, fmt.Errorf("attempt of refund %s was not started: %w", rec.ID, cause)
	}
	p.Log.Warn("attempt not started: it could not be written ahead, and is tried again", about(now, zap.Error(cause))...)
	return p.settle(ctx, a, now, providers.Outcome{Kind: providers.Unavailable, Code: codeNotDurable,
		Message: "the write-ahead was not confirmed, so nothing was sent"}, pass, now.Now)
}
