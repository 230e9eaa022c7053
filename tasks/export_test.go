package tasks

import (
	"context"
	"time"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/trace"

	"refundworker/journal"
	"refundworker/providers"
)

// Evidence is evidence for tests outside of the package.
type Evidence struct {
	Total, Left             *int64
	Pending                 int64
	Settled                 bool
	Lookups                 int
	PendingOther, TakenBack bool
}

func (e Evidence) of(rec *journal.Record) evidence {
	return evidence{rec: rec, total: e.Total, left: e.Left, pending: e.Pending, settled: e.Settled, lookups: e.Lookups,
		pendingOther: e.PendingOther, takenBack: e.TakenBack}
}

// Judge names the verdict.
func Judge(rec *journal.Record, e Evidence) string {
	v, note := judge(e.of(rec))
	if note == "" {
		return "no reason given"
	}
	return [...]string{askAgain: "ask again", moved: "moved", requested: "requested", nothingMoved: "nothing moved",
		refusedRight: "refused rightly", notProven: "not proven"}[v]
}

// Act is what evidence makes of an unknown refund.
func (p *Processor) Act(a Account, rec *journal.Record, e Evidence) journal.Step {
	return p.act(a, rec, e.of(rec))
}

// Decide is what an outcome makes of a refund that is being sent.
func (p *Processor) Decide(a Account, rec *journal.Record, o providers.Outcome, ended time.Time) journal.Step {
	return p.decide(a, rec, o, ended)
}

// Spans makes the spans of one delivery with one attempt, and nothing else.
func (p *Processor) Spans(ctx context.Context, rec *journal.Record, headers map[string]string) {
	ctx, deliver := p.resume(p.carried(ctx, headers), "deliver", trace.SpanKindConsumer, rec)
	_, wait := p.waitSpan(ctx, rec.Provider)
	end(wait, nil, nil)
	_, lookup := p.lookupSpan(ctx, rec)
	endLookup(lookup, nil)
	_, attempt := p.span(ctx, "attempt", trace.SpanKindClient, rec)
	endAttempt(attempt, 1, providers.Outcome{Kind: providers.Succeeded})
	_, settle := p.span(ctx, "settle", trace.SpanKindInternal, rec)
	end(settle, rec, nil)
	p.changed(ctx, rec.State, rec.State)
	end(deliver, rec, nil)
}

// AsSpare marks what is done beside the queue.
var AsSpare = asSpare

// ResultOf is what a finished task shows of its refund.
var ResultOf = resultOf

// Ahead is what the next attempt will take to get ready after those that took so long.
func Ahead(took ...time.Duration) time.Duration {
	var a ahead
	for _, d := range took {
		a.took(d)
	}
	return a.time()
}

// TakeSeat takes the seat of the task in ctx.
func TakeSeat(ctx context.Context, stop <-chan struct{}) error { return seatOf(ctx).take(ctx, stop) }

// LeaveSeat gives it to the next task.
func LeaveSeat(ctx context.Context) { seatOf(ctx).leave() }

// Heard is when the worker that runs a task was last heard of.
func (b *Backend) Heard(ctx context.Context, info *asynq.TaskInfo) (time.Time, error) {
	return b.queue.heard(ctx, info)
}
