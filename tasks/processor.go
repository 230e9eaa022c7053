package tasks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/admission"
	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
)

// Account is a configured provider with its opened driver.
type Account struct {
	config.Provider
	API providers.Account
}

// Observer is told what happens, for metrics. Its methods must not block.
type Observer interface {
	Attempted(provider, outcome string)
	Settled(rec *journal.Record)
	Limited(provider string)
	Contradicted(provider string)
}

// Parts are what a Processor is made of. Now, Random, Observer and Tracer may be
// nil.
type Parts struct {
	Journal  *journal.Journal
	Desk     *admission.Desk // the pauses and rate limits that all workers share
	Accounts []Account
	Policy   retry.Policy
	Log      *zap.Logger
	Observer Observer
	Tracer   trace.Tracer          // makes the spans; nil: there are none
	Relay    func(*journal.Record) // has a refund's events moved to the stream; nil: at once
	By       string                // this worker's name in the history
	Now      func() time.Time      // the local clock
	Random   func() float64        // [0,1)
	Draining <-chan struct{}       // closed when nothing new may begin
}

// Processor makes the next steps of a refund. It is safe for concurrent use.
type Processor struct {
	Parts
	accounts map[string]Account
	intake   intake
	held     atomic.Pointer[string]
	ahead    ahead
}

// Hold stops all calls to providers while err is not nil, because what is
// written down would not last. It reports whether they were stopped before.
func (p *Processor) Hold(err error) bool {
	if err == nil {
		return p.held.Swap(nil) != nil
	}
	why := err.Error()
	return p.held.Swap(&why) != nil
}

// NewProcessor returns a Processor for the accounts.
func NewProcessor(p Parts) *Processor {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Random == nil {
		p.Random = rand.Float64
	}
	if p.Observer == nil {
		p.Observer = unobserved{}
	}
	if p.Log == nil {
		p.Log = zap.NewNop()
	}
	proc := &Processor{Parts: p, accounts: map[string]Account{}, intake: intake{p.Journal, map[string]config.Provider{}, p.Tracer}}
	for _, a := range p.Accounts {
		proc.accounts[a.Name] = a
		proc.intake.providers[a.Name] = a.Provider
	}
	return proc
}

// Holding reports whether Hold stops the calls.
func (p *Processor) Holding() bool { return p.held.Load() != nil }

type unobserved struct{}

func (unobserved) Attempted(string, string) {}
func (unobserved) Settled(*journal.Record)  {}
func (unobserved) Limited(string)           {}
func (unobserved) Contradicted(string)      {}

// maxSteps bounds one run. The longest path is short; the rest is room for
// steps that have to be done again because somebody else changed the refund.
const maxSteps = 12

// Run takes a refund as far as it goes now. The error is a *Later when it
// waits, nil when it is settled or in review.
func (p *Processor) Run(ctx context.Context, rec *journal.Record) (*journal.Record, error) {
	return p.run(ctx, rec, nil)
}

// run is Run, of a refund whose attempt has begun if begun is not nil.
func (p *Processor) run(ctx context.Context, rec *journal.Record, begun *begun) (*journal.Record, error) {
	account, ok := p.accounts[rec.Provider]
	if !ok {
		return rec, fmt.Errorf("provider %q of refund %s is not configured here: add it to the configuration", rec.Provider, rec.ID)
	}
	for range maxSteps {
		if rec.State.Terminal() || rec.State == refund.Review && rec.Request == nil {
			return rec, nil
		}
		var next *journal.Record
		var err error
		if begun != nil {
			before := *rec
			before.State, before.Attempts = refund.Queued, rec.Attempts-1
			p.note(ctx, &before, rec)
			next, err = p.send(ctx, account, rec, *begun)
			begun = nil
		} else {
			if wait := rec.Due.Sub(rec.Now); wait > 0 {
				return rec, &Later{After: wait, Why: waiting(rec)}
			}
			if err := seatOf(ctx).take(ctx, p.Draining); err != nil {
				return rec, err
			}
			next, err = p.step(ctx, account, rec)
		}
		if errors.Is(err, journal.ErrStale) && next != nil {
			rec = next
			continue
		}
		if err != nil {
			return rec, err
		}
		p.note(ctx, rec, next)
		rec = next
	}
	return rec, &Later{After: time.Second, Why: "the refund keeps changing"}
}

// step does the one next thing of a refund that is due.
func (p *Processor) step(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	if moved := rec.Account != "" && rec.Account != a.Fingerprint; moved && rec.Attempts > 0 && (rec.State != refund.Queued || rec.Unproven) && rec.State != refund.Review {
		if rec.State == refund.Sending {
			return p.abandoned(ctx, a, rec)
		}
		return p.review(ctx, rec, "account_changed", "the provider's configuration names another account than the one that this refund was sent to")
	}
	switch rec.State {
	case refund.Queued:
		return p.queued(ctx, a, rec)
	case refund.Sending:
		return p.abandoned(ctx, a, rec)
	case refund.Unknown:
		return p.reconcile(ctx, a, rec)
	case refund.Accepted:
		return p.poll(ctx, a, rec)
	case refund.Review:
		return p.requested(ctx, a, rec)
	}
	return rec, fmt.Errorf("refund %s is in state %q, which this worker does not know: run a newer one", rec.ID, rec.State)
}

// later puts a refund off within its state, visibly: show and the queue both
// say why. counted adds to the tries that lengthen the backoff.
func (p *Processor) later(ctx context.Context, rec *journal.Record, wait time.Duration, why string, counted bool) (*journal.Record, error) {
	set := map[string]string{"why": why}
	if counted {
		set["fails"] = number(rec.Fails + 1)
	}
	return p.Journal.Apply(ctx, rec, journal.Step{Due: wait, Set: set, By: p.By})
}

func (p *Processor) review(ctx context.Context, rec *journal.Record, code, note string) (*journal.Record, error) {
	return p.Journal.Apply(ctx, rec, toReview(p.By, code, note))
}

func toReview(by, code, note string) journal.Step {
	return journal.Step{To: refund.Review, NoDue: true, By: by, Note: note,
		Set: map[string]string{"reason_code": code, "why": note, "request": ""}}
}

func waiting(rec *journal.Record) string {
	switch {
	case rec.Why != "":
		return rec.Why
	case rec.State == refund.Sending:
		return fmt.Sprintf("attempt %d is running", rec.Attempts)
	}
	return "not due yet"
}
