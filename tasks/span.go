package tasks

import (
	"context"
	"errors"
	"strings"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// A refund is one trace: it begins where the refund is taken in, and the record
// keeps its place, so that every delivery, sweep and callback goes on in it,
// however long after and in whichever process. Attributes have the names that
// the log has. No span holds an address, a message of a provider, a reason,
// a receipt or metadata.
//
// Without a tracer (nil) all of this does nothing and allocates nothing.

var noSpan trace.Span = noop.Span{}

// maxStatus bounds the error that a span tells, in bytes.
const maxStatus = 256

// maxHeader bounds what is read of one header of a task, in bytes: whoever puts
// tasks on the queue writes them.
const maxHeader = 512

// start starts a span of a refund.
func start(ctx context.Context, tracer trace.Tracer, name string, kind trace.SpanKind, id, provider, payment string) (context.Context, trace.Span) {
	if tracer == nil {
		return ctx, noSpan
	}
	return tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attribute.String("refund_id", id),
		attribute.String("provider", provider), attribute.String("payment_id", payment)))
}

// span starts a span of a step of the refund.
func (p *Processor) span(ctx context.Context, name string, kind trace.SpanKind, rec *journal.Record) (context.Context, trace.Span) {
	return start(ctx, p.Tracer, name, kind, rec.ID, rec.Provider, rec.PaymentID)
}

// waitSpan starts the span of waiting for the provider's pause and rate limit.
func (p *Processor) waitSpan(ctx context.Context, provider string) (context.Context, trace.Span) {
	if p.Tracer == nil {
		return ctx, noSpan
	}
	return p.Tracer.Start(ctx, "wait", trace.WithAttributes(attribute.String("provider", provider)))
}

// lookupSpan starts the span of a status lookup, named for what it is asked for.
func (p *Processor) lookupSpan(ctx context.Context, rec *journal.Record) (context.Context, trace.Span) {
	if p.Tracer == nil {
		return ctx, noSpan
	}
	purpose := "recheck" // of a settled refund
	switch rec.State {
	case refund.Queued:
		purpose = "preflight"
	case refund.Unknown:
		purpose = "reconcile"
	case refund.Accepted:
		purpose = "poll"
	case refund.Review:
		purpose = "retry"
	}
	ctx, span := p.span(ctx, "lookup", trace.SpanKindClient, rec)
	span.SetAttributes(attribute.String("purpose", purpose))
	return ctx, span
}

// resume starts a span in the refund's own trace. Where ctx is in another one,
// that of a foreign task about a refund that was known already, it is linked.
func (p *Processor) resume(ctx context.Context, name string, kind trace.SpanKind, rec *journal.Record) (context.Context, trace.Span) {
	if p.Tracer == nil {
		return ctx, noSpan
	}
	came := trace.SpanContextFromContext(ctx)
	ctx, span := p.span(inTrace(ctx, rec.Trace), name, kind, rec)
	if came.IsValid() && came.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: came})
	}
	return ctx, span
}

// undelivered leaves the span of a task that no refund could be found for. What
// is wrong with the task's content stands on the task only.
func (p *Processor) undelivered(ctx context.Context, err error) {
	if p.Tracer == nil {
		return
	}
	_, span := p.Tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindConsumer))
	if errors.Is(err, asynq.SkipRetry) {
		failed(span, "the task was archived; its error says why")
		err = nil
	}
	end(span, nil, err)
}

// link links a span to the refund's own trace, where it has one.
func link(span trace.Span, rec *journal.Record) {
	if own := trace.SpanContextFromContext(inTrace(context.Background(), rec.Trace)); span.IsRecording() && own.IsValid() {
		span.AddLink(trace.Link{SpanContext: own})
	}
}

// inTrace returns ctx in the trace of a traceparent; as it is if that is none.
func inTrace(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// traceparent is the place of ctx's span, in the form that is stored.
func traceparent(ctx context.Context) string {
	place := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, place)
	return place["traceparent"]
}

// end ends a span, with what became of the refund. Waiting is no error; nor is
// a review, which is for a person to decide.
func end(span trace.Span, rec *journal.Record, err error) {
	if span.IsRecording() {
		if rec != nil {
			span.SetAttributes(attribute.String("state", string(rec.State)), attribute.Int("attempt", rec.Attempts), attribute.String("reason_code", rec.ReasonCode))
		}
		var lookup *providers.LookupError
		switch later := AsLater(err); {
		case later != nil:
			span.SetAttributes(attribute.Int64("waits_ms", later.After.Milliseconds()))
		case errors.As(err, &lookup):
			failed(span, "the lookup failed: "+lookup.Kind.String())
		case err != nil && !errors.Is(err, journal.ErrStale):
			failed(span, err.Error())
		}
	}
	span.End()
}

// endAttempt ends the span of an attempt.
func endAttempt(span trace.Span, attempt int, o providers.Outcome) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("attempt", attempt), attribute.String("outcome", o.Kind.String()), attribute.String("code", o.Code))
		switch o.Kind {
		case providers.Succeeded, providers.Accepted, providers.Declined:
		default:
			failed(span, o.Kind.String())
		}
	}
	span.End()
}

// endLookup ends the span of a lookup. Of a failed one the provider's code is
// told, not its message.
func endLookup(span trace.Span, err error) {
	if span.IsRecording() {
		var lookup *providers.LookupError
		if errors.As(err, &lookup) {
			span.SetAttributes(attribute.String("outcome", lookup.Kind.String()), attribute.String("code", lookup.Code))
		}
	}
	end(span, nil, err)
}

// failed marks a span as failed. Text that is no UTF-8 would make the exporter
// lose all spans that it sends together.
func failed(span trace.Span, why string) {
	span.SetStatus(codes.Error, strings.ToValidUTF8(why[:min(len(why), maxStatus)], ""))
}

// changed adds a change of state to the span in which it happened.
func (p *Processor) changed(ctx context.Context, before, after refund.State) {
	if p.Tracer == nil {
		return
	}
	trace.SpanFromContext(ctx).AddEvent("refund "+string(after), trace.WithAttributes(
		attribute.String("from", string(before)), attribute.String("to", string(after))))
}

// headers are a task's headers, as far as they are for the trace. Baggage is
// neither written nor read: it may hold anything, and everybody who sees the
// queue would see it.
type headers map[string]string

// Get returns a header unless it is longer than any that means a trace.
func (h headers) Get(key string) string {
	if v := h[key]; key != "baggage" && len(v) <= maxHeader {
		return v
	}
	return ""
}

// Set writes a header.
func (h headers) Set(key, value string) {
	if key != "baggage" && len(value) <= maxHeader {
		h[key] = value
	}
}

// Keys are the names of the headers.
func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}

// carried returns ctx in the trace that a task's headers name.
func (p *Processor) carried(ctx context.Context, h map[string]string) context.Context {
	if p.Tracer == nil || len(h) == 0 {
		return ctx
	}
	return otel.GetTextMapPropagator().Extract(ctx, headers(h))
}

// carrying are the headers of a refund's task: when it was taken in, and its trace.
func carrying(rec *journal.Record) map[string]string {
	h := headers{takenHeader: number(rec.Created.Unix())}
	if rec.Trace != "" {
		otel.GetTextMapPropagator().Inject(inTrace(context.Background(), rec.Trace), h)
	}
	return h
}
