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
	t := e.taking(options)
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
	ctx, enqueuing := e.begin(ctx, order, t)
	admitted, err := e.intake.admit(ctx, []journal.Asked{enqueuing.asked})
	if err != nil {
		enqueuing.end(nil, err)
		return Receipt{RefundID: r.RefundID}, err
	}
	a := admitted[0]
	if a.waits() {
		var task task
		if task, err = e.task(a.rec); err == nil {
			err = e.backend.queue.put(ctx, task.rec, task.payload, task.timeout)
		}
	}
	enqueuing.end(a.rec, err)
	return a.receipt, err
}

// EnqueueAll enqueues orders that Check returned, each with an id of its own, in
// a few round trips for all of them: a file's rows, some dozens at a time. There
// is a receipt for each. An error means that nothing is known of any of them, and
// that enqueueing them again is safe and finds out.
//
// On one Redis they are taken in in their order. In a cluster those of one
// payment are.
func (e *Enqueuer) EnqueueAll(ctx context.Context, orders []refund.Order, options ...Option) ([]Receipt, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	t := e.taking(options)
	list, running := make([]journal.Asked, len(orders)), make([]enqueuing, len(orders))
	for i, o := range orders {
		if o.RefundID == "" {
			return nil, errors.New("enqueue: an order has no refund id")
		}
		_, running[i] = e.begin(ctx, o, t)
		list[i] = running[i].asked
	}
	receipts, admitted, err := e.enqueueAll(ctx, list)
	for i := range running {
		var rec *journal.Record
		if err == nil {
			rec = admitted[i].rec
		}
		running[i].end(rec, err)
	}
	return receipts, err
}

func (e *Enqueuer) enqueueAll(ctx context.Context, list []journal.Asked) ([]Receipt, []answer, error) {
	admitted, err := e.intake.admit(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	receipts, waiting := make([]Receipt, len(list)), make([]task, 0, len(list))
	for i, a := range admitted {
		receipts[i] = a.receipt
		if !a.waits() {
			continue
		}
		task, err := e.task(a.rec)
		if err != nil {
			return nil, nil, err
		}
		waiting = append(waiting, task)
	}
	if err := e.backend.queue.putAll(ctx, waiting); err != nil {
		return nil, nil, err
	}
	return receipts, admitted, nil
}

func (e *Enqueuer) taking(options []Option) journal.Taking {
	t := journal.Taking{By: e.by}
	for _, set := range options {
		set(&t)
	}
	return t
}

// enqueuing is an order that is on its way, with its span.
type enqueuing struct {
	asked journal.Asked
	span  trace.Span
}

func (e *Enqueuer) begin(ctx context.Context, o refund.Order, t journal.Taking) (context.Context, enqueuing) {
	ctx, span := start(ctx, e.intake.tracer, "enqueue", trace.SpanKindProducer, o.RefundID, o.Provider, o.PaymentID)
	if e.intake.tracer != nil {
		t.Trace = traceparent(ctx)
	}
	return ctx, enqueuing{journal.Asked{Order: o, Taking: t}, span}
}

func (e enqueuing) end(rec *journal.Record, err error) {
	if rec != nil && rec.Trace != e.asked.Taking.Trace {
		link(e.span, rec) // taken in before, in another trace
	}
	end(e.span, rec, err)
}

// waits reports whether there is a refund that needs a task.
func (a answer) waits() bool {
	return a.rec != nil && !a.rec.State.Terminal() && a.rec.State != refund.Review
}

// task is the task of a refund that waits.
func (e *Enqueuer) task(rec *journal.Record) (task, error) {
	payload, err := payloadOf(rec)
	return task{rec, payload, TaskTimeout(e.intake.providers[rec.Provider])}, err
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
