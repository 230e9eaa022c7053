package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

// Enqueuer puts refunds on the queue. It is safe for concurrent use.
type Enqueuer struct {
	backend *Backend
	intake  intake
	by      string
}

// NewEnqueuer returns an Enqueuer over an open backend. The configuration needs
// no provider secrets.
func NewEnqueuer(b *Backend, cfg *config.Config) *Enqueuer {
	return &Enqueuer{backend: b, intake: newIntake(b, cfg), by: "enqueue"}
}

// Option changes how one refund is enqueued.
type Option func(*journal.Taking)

// AfterWindow lets a refund wait behind an occupied window instead of being
// refused as a duplicate. The request needs an id of its own.
func AfterWindow() Option { return func(t *journal.Taking) { t.AfterWindow = true } }

// Bulk puts the refund on the provider's bulk queue, which yields to the other.
func Bulk() Option { return func(t *journal.Taking) { t.Bulk = true } }

// By names who asks for the refund: it is in its history, and somebody else has
// to approve the refund where it is beyond its provider's limits. An empty name
// is that of nobody.
func By(name string) Option {
	name = strings.TrimSpace(name) // here: one option may serve many goroutines
	return func(t *journal.Taking) {
		if name != "" {
			t.By, t.RequestedBy = name, name
		}
	}
}

// Check validates a request as Enqueue would, touching nothing. The error is
// refund.Invalid.
func (e *Enqueuer) Check(r refund.Request) (refund.Order, error) { return e.intake.check(r) }

// Enqueue takes a refund in and puts it on its queue. What the answer is, is in
// the receipt; an error means that it is not known, and that enqueueing again
// with the receipt's refund id is safe and finds out.
func (e *Enqueuer) Enqueue(ctx context.Context, r refund.Request, options ...Option) (Receipt, error) {
	t := journal.Taking{By: e.by}
	for _, set := range options {
		set(&t)
	}
	if t.AfterWindow && r.RefundID == "" {
		return invalid(r, refund.Invalid{{Field: "refund_id", Rule: "is required to wait for the window: a repeat that is meant needs an id of its own"}}), nil
	}
	if r.RefundID == "" {
		r.RefundID = refund.NewID()
	}
	order, err := e.intake.check(r)
	var faults refund.Invalid
	if errors.As(err, &faults) {
		return invalid(r, faults), nil
	}
	if err != nil {
		return Receipt{RefundID: r.RefundID}, err
	}
	ctx, span := start(ctx, e.intake.tracer, "enqueue", trace.SpanKindProducer, order.RefundID, order.Provider, order.PaymentID)
	if e.intake.tracer != nil {
		t.Trace = traceparent(ctx)
	}
	receipt, rec, err := e.enqueue(ctx, order, t)
	if rec != nil && rec.Trace != t.Trace {
		link(span, rec) // taken in before, in another trace
	}
	end(span, rec, err)
	return receipt, err
}

func (e *Enqueuer) enqueue(ctx context.Context, o refund.Order, t journal.Taking) (Receipt, *journal.Record, error) {
	receipt, rec, err := e.intake.admit(ctx, o, t)
	if err != nil || rec == nil || rec.State.Terminal() || rec.State == refund.Review {
		return receipt, rec, err
	}
	payload, err := payloadOf(rec)
	if err != nil {
		return receipt, rec, err
	}
	return receipt, rec, e.backend.queue.put(ctx, rec, payload, TaskTimeout(e.intake.providers[rec.Provider]))
}

func invalid(r refund.Request, faults refund.Invalid) Receipt {
	receipt := Receipt{RefundID: r.RefundID, Status: Invalid, Message: faults.Error(), Faults: faults}
	if len(faults) > 0 {
		receipt.Rule = faults[0].Field
	}
	return receipt
}

// Peek says what enqueueing an order would come to, as far as reading can
// tell: for a dry run. It writes nothing.
func (e *Enqueuer) Peek(ctx context.Context, o refund.Order) (Receipt, error) {
	receipt := Receipt{RefundID: o.RefundID, Status: Queued}
	known, err := e.backend.Journal.Get(ctx, o.RefundID)
	var before *journal.RefusedError
	switch {
	case errors.As(err, &before):
		return refused(receipt, before.Refusal), nil
	case err == nil && known.Digest != o.Digest():
		receipt.Status, receipt.Message = Conflict, "this refund id stands for another payment or other content; use a new id"
		return receipt, nil
	case err == nil:
		receipt.Status, receipt.State = Existing, known.State
		return receipt, nil
	case !errors.Is(err, journal.ErrNotFound):
		return receipt, err
	}
	siblings, err := e.backend.Journal.ByPayment(ctx, o.Provider, o.PaymentID)
	if err != nil {
		return receipt, fmt.Errorf("look for refunds of the payment: %w", err)
	}
	if why := e.intake.foresee(o, siblings); why != nil {
		return refused(receipt, *why), nil
	}
	return receipt, nil
}
