package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// Handle is the asynq handler of refund tasks. What the task says only finds
// the refund; what is sent comes from the journal.
func (p *Processor) Handle(ctx context.Context, t *asynq.Task) error {
	ctx = p.carried(ctx, t.Headers())
	rec, begun, err := p.find(ctx, t)
	if err != nil {
		p.undelivered(ctx, err)
		return err
	}
	ctx, span := p.resume(ctx, "deliver", trace.SpanKindConsumer, rec)
	rec, err = p.run(ctx, rec, begun)
	end(span, rec, err)
	switch {
	case err != nil:
		return err
	case rec.State == refund.Review:
		// Archived means review. Deciding it ends there, not in the queue.
		return fmt.Errorf("in review (%s): %s: %w", rec.ReasonCode, rec.Why, asynq.SkipRetry)
	}
	return p.result(t, rec)
}

// find loads the refund of a task, and begins its attempt where nothing is to be
// looked at before: see open. A task of somebody who never asked the journal is
// taken in first, as an Enqueuer would have.
func (p *Processor) find(ctx context.Context, t *asynq.Task) (*journal.Record, *begun, error) {
	request, err := Decode(t.Payload())
	if err != nil {
		return nil, nil, archive("unreadable payload", err)
	}
	taskID, _ := asynq.GetTaskID(ctx)
	if request.RefundID == "" {
		request.RefundID = taskID
	}
	if queue, ok := asynq.GetQueueName(ctx); ok && queueProvider(queue) != request.Provider {
		return nil, nil, archive("wrong queue", fmt.Errorf("provider: must be the queue's, %s", queueProvider(queue)))
	}
	order, err := p.intake.check(request)
	if err != nil {
		return nil, nil, archive("invalid refund", err)
	}
	rec, started, err := p.open(ctx, order)
	// After its last try the queue gives a task up, and then only what the journal knows
	// is looked after.
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if rec == nil && err == nil {
		rec, err = p.Journal.Load(ctx, order.Provider, order.PaymentID, order.RefundID)
	}
	if err == nil && started == nil && rec.Digest != order.Digest() { // what has begun was compared
		return nil, nil, archive("conflict", errors.New("this refund id stands for other content"))
	}
	if !errors.Is(err, journal.ErrNotFound) {
		return rec, started, err
	}
	if err := p.forgotten(ctx, t, order.RefundID); err != nil {
		return nil, nil, err
	}
	admitted, err := p.intake.admit(ctx, []journal.Asked{{Order: order, Taking: journal.Taking{RecordRefusal: true, By: "queue"}}})
	if err != nil {
		return nil, nil, err
	}
	receipt, rec := admitted[0].receipt, admitted[0].rec
	if rec == nil {
		return nil, nil, archive(string(receipt.Status), errors.New(receipt.Message))
	}
	if rec.State.Terminal() {
		p.Log.Info("refund from a foreign task was refused", about(rec, zap.String("rule", rec.ReasonCode))...)
		p.announce(ctx, rec)
	} else if receipt.Status == Queued {
		p.Log.Info("refund queued from a foreign task", about(rec)...)
	}
	return rec, nil, nil
}

// takenHeader is a task's header that says when its refund was taken in, in seconds by
// Redis's clock. A foreign producer's task has none.
const takenHeader = "refund-taken"

// forgotten refuses a task whose refund was taken in and is not in the journal, if the
// journal may have forgotten it: it has settled then, and would be paid again. Where
// that can't be, the record was lost, and is made anew.
func (p *Processor) forgotten(ctx context.Context, t *asynq.Task, id string) error {
	at, err := strconv.ParseInt(t.Headers()[takenHeader], 10, 64)
	if err != nil {
		return nil
	}
	taken := time.Unix(at, 0)
	gone, err := p.Journal.Forgotten(ctx, taken)
	if err != nil || !gone {
		return err
	}
	p.Log.Warn("task archived: its refund was taken in and is not in the journal any more", zap.String("refund_id", id), zap.Time("taken", taken))
	return archive("forgotten", fmt.Errorf("the refund was taken in on %s, and the journal does not have it any more, as after journal_retention; if the provider shows that it was never made, enqueue it under another id",
		taken.UTC().Format(time.DateTime)))
}

func archive(what string, why error) error {
	return fmt.Errorf("%s: %v: %w", what, why, asynq.SkipRetry)
}

// result leaves a settled refund's outcome on its task, for people who look at
// the queue. The journal has it already.
func (p *Processor) result(t *asynq.Task, rec *journal.Record) error {
	writer := t.ResultWriter()
	if writer == nil {
		return nil
	}
	if _, err := writer.Write(resultOf(rec)); err != nil {
		p.Log.Debug("result not left on the task", about(rec, zap.Error(err))...)
	}
	return nil
}

// RetryDelay is how long asynq keeps a task that did not finish.
func (p *Processor) RetryDelay(n int, err error, _ *asynq.Task) time.Duration {
	if later := AsLater(err); later != nil {
		return max(later.After, time.Millisecond)
	}
	return p.Policy.Backoff(providers.Unavailable, min(n, 6), 0, p.Random)
}

// IsFailure tells asynq which errors are failures: waiting is none.
func IsFailure(err error) bool { return AsLater(err) == nil }
