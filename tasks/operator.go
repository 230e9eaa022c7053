package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/refund"
)

// Operator is what a person may do to refunds. Every action is checked against
// the state it expects: of two at once one wins and the other is told.
type Operator struct {
	backend   *Backend
	board     *pause.Board
	providers map[string]config.Provider
	seen      *int64
}

// NewOperator returns an Operator over an open backend. It needs no secrets.
func NewOperator(b *Backend, cfg *config.Config) *Operator {
	return &Operator{backend: b, board: pause.New(b.Redis), providers: newIntake(b, cfg).providers}
}

// Seen returns an Operator for a person who decides by a refund's history as it
// was up to an entry: where more has happened since, nothing is done, with
// ErrNotPossible.
func (o *Operator) Seen(seq int64) *Operator {
	seen := *o
	seen.seen = &seq
	return &seen
}

// get reads the refund that a person decides about.
func (o *Operator) get(ctx context.Context, id string) (*journal.Record, error) {
	rec, err := o.backend.Journal.Get(ctx, id)
	if err == nil && o.seen != nil && rec.Seq != *o.seen {
		return rec, fmt.Errorf("%w: refund %s has changed since you looked, it is %s now: look again", ErrNotPossible, id, rec.State)
	}
	return rec, err
}

// ErrNotPossible says that the refund's state does not allow the action.
var ErrNotPossible = errors.New("not possible")

// named refuses an action of nobody: the history says who did it.
func named(by string) error {
	if by == "" {
		return refund.Invalid{{Field: "by", Rule: "is required: say who you are"}}
	}
	return nil
}

// Resolution is a person's decision of a review.
type Resolution struct {
	Outcome refund.State // Succeeded or Declined
	Moved   string       // major units; required after a partial outcome
	Note    string       // required
	By      string
}

// Resolve decides a refund in review.
func (o *Operator) Resolve(ctx context.Context, id string, r Resolution) (*journal.Record, error) {
	if err := named(r.By); err != nil {
		return nil, err
	}
	rec, err := o.get(ctx, id)
	if err != nil {
		return rec, err
	}
	if rec.State != refund.Review {
		return rec, fmt.Errorf("%w: refund %s is %s, and only a review can be resolved", ErrNotPossible, id, rec.State)
	}
	step := journal.Step{To: r.Outcome, NoDue: true, By: r.By, Note: r.Note,
		Set: map[string]string{"reason_code": "resolved", "request": ""}}
	if rec.Unproven || rec.TakenOn() {
		step.Set["settled_wall"] = number(time.Now().UnixMilli())
	}
	if step.Set["moved"], err = movedBy(rec, r); err != nil {
		return rec, err
	}
	rec, err = o.apply(ctx, rec, step)
	if err != nil {
		return rec, err
	}
	return rec, o.backend.queue.remove(rec)
}

// movedBy works out what moved by a person's word, in minor units as text.
func movedBy(rec *journal.Record, r Resolution) (string, error) {
	var stated *int64
	if r.Moved != "" {
		m, err := refund.ParseMoney(r.Moved, rec.Currency)
		if err != nil {
			return "", refund.Invalid{{Field: "moved", Rule: err.Error()}}
		}
		stated = &m.Minor
	}
	asked, known := rec.Send()
	switch {
	case r.Outcome != refund.Succeeded && r.Outcome != refund.Declined:
		return "", refund.Invalid{{Field: "outcome", Rule: "must be succeeded or declined"}}
	case r.Note == "":
		return "", refund.Invalid{{Field: "note", Rule: "is required: say how you know"}}
	case r.Outcome == refund.Succeeded && rec.WaitsForApproval() && rec.NothingSent():
		return "", refund.Invalid{{Field: "outcome", Rule: "must be declined where a refund waits for an approval, since nothing was sent; to have it sent, approve it"}}
	case stated == nil && rec.Partial:
		return "", refund.Invalid{{Field: "moved", Rule: "is required after a partial outcome: state the amount that went back"}}
	case stated != nil && known && *stated > asked:
		return "", refund.Invalid{{Field: "moved", Rule: "is more than the refund's amount of " + rec.Money(asked)}}
	case stated != nil && *stated > 0 && r.Outcome == refund.Declined:
		return "", refund.Invalid{{Field: "moved", Rule: "must be 0 where the outcome is declined; if money moved, the outcome is succeeded"}}
	case stated != nil && *stated == 0 && r.Outcome == refund.Succeeded:
		return "", refund.Invalid{{Field: "moved", Rule: "must be more than 0 where the outcome is succeeded"}}
	case stated != nil:
		return number(*stated), nil
	case r.Outcome == refund.Declined:
		return "0", nil
	case known:
		return number(asked), nil
	}
	return "", nil
}

// Retry asks the worker to try a refund in review again. The worker asks the
// provider first; see Processor.
func (o *Operator) Retry(ctx context.Context, id string, r journal.RetryRequest) (*journal.Record, error) {
	if err := named(r.By); err != nil {
		return nil, err
	}
	rec, err := o.get(ctx, id)
	if err != nil {
		return rec, err
	}
	switch {
	case rec.State != refund.Review:
		return rec, fmt.Errorf("%w: refund %s is %s, and only a review can be tried again", ErrNotPossible, id, rec.State)
	case rec.WaitsForApproval():
		return rec, fmt.Errorf("%w: refund %s waits for an approval, and nothing of it was sent: approve it, or resolve it as declined", ErrNotPossible, id)
	case rec.Partial:
		return rec, fmt.Errorf("%w: one part of refund %s moved already: resolve it with --moved", ErrNotPossible, id)
	case r.Note == "":
		return rec, refund.Invalid{{Field: "note", Rule: "is required: say why"}}
	case rec.Request != nil && rec.Request.AcceptRisk == r.AcceptRisk:
		return rec, fmt.Errorf("%w: a retry of refund %s was asked by %s already and is not carried out yet", ErrNotPossible, id, rec.Request.By)
	}
	rec, err = o.apply(ctx, rec, rec.AskRetry(r))
	if err != nil {
		return rec, err
	}
	return rec, o.Rouse(ctx, rec)
}

// Cancel withdraws a queued refund of which no attempt is unproven.
func (o *Operator) Cancel(ctx context.Context, id, by, note string) (*journal.Record, error) {
	if err := named(by); err != nil {
		return nil, err
	}
	rec, err := o.get(ctx, id)
	if err != nil {
		return rec, err
	}
	switch {
	case rec.State == refund.Canceled:
		return rec, nil
	case rec.State != refund.Queued:
		return rec, fmt.Errorf("%w: refund %s is %s, and only a queued one can be canceled", ErrNotPossible, id, rec.State)
	case rec.Unproven:
		return rec, fmt.Errorf("%w: an attempt of refund %s is not proven; money may have moved", ErrNotPossible, id)
	case rec.Restored:
		return rec, fmt.Errorf("%w: the journal was restored from a backup, and refund %s may have been paid after it; let a worker compare it with what the provider counts; if it goes to review, resolve it", ErrNotPossible, id)
	case note == "":
		return rec, refund.Invalid{{Field: "note", Rule: "is required: say why"}}
	}
	rec, err = o.apply(ctx, rec, journal.Step{To: refund.Canceled, NoDue: true, By: by, Note: note, Set: map[string]string{"reason_code": "canceled"}})
	if err != nil {
		return rec, err
	}
	return rec, o.backend.queue.remove(rec)
}

func (o *Operator) apply(ctx context.Context, rec *journal.Record, s journal.Step) (*journal.Record, error) {
	next, err := o.backend.Journal.Apply(ctx, rec, s)
	if errors.Is(err, journal.ErrStale) {
		return next, fmt.Errorf("%w: refund %s was changed meanwhile, it is %s now", ErrNotPossible, rec.ID, next.State)
	}
	if err != nil {
		return rec, err
	}
	if next.State != rec.State {
		// The sweeper relays what this does not.
		_ = o.backend.Journal.Relay(ctx, next)
		// Left behind, it makes the day's limit a little tighter.
		_ = freeDay(ctx, o.backend.Journal, o.providers[next.Provider].Limits, next)
	}
	return next, nil
}

// Rouse makes the worker look at a refund now.
func (o *Operator) Rouse(ctx context.Context, rec *journal.Record) error {
	payload, err := payloadOf(rec)
	if err != nil {
		return err
	}
	return o.backend.queue.rouse(ctx, rec, payload, TaskTimeout(o.providers[rec.Provider]))
}

// Pause stops all calls to a provider, over all workers, until Resume.
func (o *Operator) Pause(ctx context.Context, provider, by, note string) error {
	if err := named(by); err != nil {
		return err
	}
	if _, ok := o.providers[provider]; !ok {
		return refund.Invalid{{Field: "provider", Rule: fmt.Sprintf("%q is not configured", provider)}}
	}
	return o.board.Pause(ctx, provider, by, note)
}

// Resume ends any pause of a provider.
func (o *Operator) Resume(ctx context.Context, provider, by string) error {
	if err := named(by); err != nil {
		return err
	}
	if _, ok := o.providers[provider]; !ok {
		return refund.Invalid{{Field: "provider", Rule: fmt.Sprintf("%q is not configured", provider)}}
	}
	return o.board.Resume(ctx, provider, by)
}

// Paused returns the pause of a provider, if there is one.
func (o *Operator) Paused(ctx context.Context, provider string) (pause.Status, error) {
	return o.board.State(ctx, provider)
}
