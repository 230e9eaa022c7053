package tasks

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"refundworker/admission"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
)

// probeTime is how long one call may have the right to be a paused provider's
// trial call, beyond the call's own timeout.
const probeTime = 15 * time.Second

// reportTime bounds what is written down of a task that was given up, such as how its
// call went.
const reportTime = time.Second

// afterwards is ctx, or where that has ended one that lasts for what has to be written
// down all the same.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), reportTime)
}

// pauseLook is how often a refund at the head of a paused provider's queue
// looks whether the pause is over.
const pauseLook = 5 * time.Second

// gate lets one call to the provider through: not while the provider is paused
// or this worker is stopping, and only with a slot of the rate limit. Refunds
// that wait here are not changed: waiting for others is no event of theirs.
func (p *Processor) gate(ctx context.Context, a Account) (pause.Pass, error) {
	pass, _, err := p.gateEarly(ctx, a, 0)
	return pass, err
}

// gateEarly is gate, and lets the call through so long before its slot, to get
// ready in. The slot begins no sooner than that takes.
func (p *Processor) gateEarly(ctx context.Context, a Account, early time.Duration) (pass pause.Pass, s slot, err error) {
	ctx, span := p.waitSpan(ctx, a.Name)
	defer func() { end(span, nil, err) }()
	if err := p.barred(); err != nil {
		return pass, s, err
	}
	call := callOf(a)
	call.Ready, call.MaxWait = min(p.ahead.time(), early), inPlace
	hold := limitHold
	if spare(ctx) {
		call.MaxWait, hold = 0, 0
	}
	for waited := false; ; {
		s.since = time.Now()
		got, err := p.Desk.Ask(ctx, call)
		if err != nil {
			return got.Pass, s, err
		}
		if got.Slot {
			s, err = p.wait(ctx, a, call, got, s.since, early)
			return got.Pass, s, err
		}
		if got.Pass.Open {
			p.Observer.Limited(a.Name)
			p.report(ctx, a, pause.Nothing().Of(got.Pass))
			here := min(got.Wait, hold)
			if err := p.sleep(ctx, here); err != nil {
				return got.Pass, s, err
			}
			if hold -= here; hold == 0 {
				return got.Pass, s, &Later{After: retry.Spread(got.Wait-here, p.Random), Why: "the rate limit of " + a.Name}
			}
			continue
		}
		// A short wait happens here, so that refunds behind a pause stay in the
		// queue instead of going round.
		if waited {
			return got.Pass, s, &Later{After: retry.Spread(min(got.Pass.Wait, pauseLook), p.Random), Why: pausedWhy(a.Name, got.Pass)}
		}
		waited = true
		if err := p.sleep(ctx, retry.Spread(min(got.Pass.Wait, inPlace), p.Random)); err != nil {
			return got.Pass, s, err
		}
	}
}

// barred says why this worker makes no calls now; nil: it does.
func (p *Processor) barred() error {
	select {
	case <-p.Draining:
		return stopping()
	default:
	}
	if p.held.Load() != nil {
		return &Later{After: pauseLook, Why: "Redis does not keep what it must; see the worker's log"}
	}
	return nil
}

// callOf is a call to a provider that does not wait for its slot.
func callOf(a Account) admission.Call {
	return admission.Call{Provider: a.Name, Lease: a.Timeout + probeTime, Limit: a.RateLimit, Burst: a.Burst}
}

// wait waits for the slot of a call that may be made, but for the time that it
// takes to get ready.
func (p *Processor) wait(ctx context.Context, a Account, call admission.Call, got admission.Answer, asked time.Time, early time.Duration) (slot, error) {
	s := slot{from: time.Now().Add(got.Wait), since: asked}
	if got.Wait > call.Ready {
		p.Observer.Limited(a.Name)
	}
	if rest := got.Wait - early; rest > 0 {
		if err := p.sleep(ctx, rest); err != nil {
			p.report(ctx, a, pause.Nothing().Of(got.Pass))
			return s, err
		}
		s.since = time.Now()
	}
	return s, nil
}

// asSpare marks what is done beside the queue. It takes a slot of the limit that
// is free, and waits for none: where all are taken the queue's own workers wait
// for them, and one of them may be at this very refund.
func asSpare(ctx context.Context) context.Context { return context.WithValue(ctx, spareKey{}, true) }

type spareKey struct{}

func spare(ctx context.Context) bool { return ctx.Value(spareKey{}) != nil }

func pausedWhy(provider string, pass pause.Pass) string {
	if pass.Reason == "" {
		return fmt.Sprintf("%s was paused and is being tried again slowly", provider)
	}
	if pass.Detail == "" {
		return fmt.Sprintf("%s is paused (%s)", provider, pass.Reason)
	}
	return fmt.Sprintf("%s is paused (%s: %s)", provider, pass.Reason, pass.Detail)
}

func (p *Processor) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.Draining:
		return stopping()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report tells the board how a call went. Losing a report costs the board's
// judgement one call, never a refund.
func (p *Processor) report(ctx context.Context, a Account, r pause.Result) {
	// What was given up may be a trial call, which nobody else may make until it is given back.
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err := p.Desk.Board.Report(ctx, a.Name, r); err != nil {
		p.Log.Warn("provider's health not recorded", zap.String("provider", a.Name), zap.Error(err))
	}
}

// failedLookup turns the reason why a status is not known into a wait.
func (p *Processor) failedLookup(ctx context.Context, a Account, rec *journal.Record, e *providers.LookupError, pass pause.Pass) (*journal.Record, error) {
	wait := p.Policy.Backoff(e.Kind, rec.Fails, e.RetryAfter, p.Random)
	detail := e.Code
	if detail == "" {
		detail = e.Kind.String()
	}
	why := "the status lookup failed (" + detail + ")"
	switch e.Kind {
	case providers.Misconfigured:
		return p.denied(ctx, a, rec, wait, detail, pass)
	case providers.RateLimited:
		p.penalize(ctx, a, wait)
		p.report(ctx, a, pause.Nothing().Of(pass))
		why = a.Name + " asks to slow down (429)"
	default:
		// One refund whose lookup is answered badly again and again says it once:
		// it takes several to call a provider sick that can be reached.
		if rec.Fails == 0 || pass.Probe || e.Kind == providers.Unavailable {
			p.report(ctx, a, pause.Sick(detail).Of(pass))
		} else {
			p.report(ctx, a, pause.Nothing().Of(pass))
		}
	}
	if rec.State != refund.Review && p.gaveUp(rec, pass) {
		return p.review(ctx, rec, "gave_up", "given up after "+p.Policy.GiveUpAfter.String()+": "+why)
	}
	set := map[string]string{"why": why, "fails": number(rec.Fails + 1)}
	if rec.FirstAttempt.IsZero() && rec.FirstFailed.IsZero() {
		set["first_failed"], set["paused_before"] = number(rec.Now.UnixMilli()), pausedBefore(pass)
	}
	return p.Journal.Apply(ctx, rec, journal.Step{Due: wait, Set: set, By: p.By})
}

// gaveUp reports whether a refund has been tried for as long as it may be. Its
// clock starts with the first attempt, or with the first lookup that failed
// before one, and stands still while the provider is paused.
func (p *Processor) gaveUp(rec *journal.Record, pass pause.Pass) bool {
	since := rec.FirstAttempt
	if since.IsZero() {
		since = rec.FirstFailed
	}
	return !since.IsZero() && p.Policy.GaveUp(since, rec.Now, max(pass.PausedFor-rec.PausedBefore, 0))
}

// pausedBefore is how long the provider had been paused when a refund's clock
// started, as a record keeps it: mostly not at all.
func pausedBefore(pass pause.Pass) string {
	if pass.PausedFor == 0 {
		return ""
	}
	return number(pass.PausedFor.Milliseconds())
}

func (p *Processor) penalize(ctx context.Context, a Account, d time.Duration) {
	if err := p.Desk.Limiter.Penalize(ctx, a.Name, d); err != nil {
		p.Log.Warn("provider's wish to slow down not shared", zap.String("provider", a.Name), zap.Error(err))
	}
}

func number[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}
