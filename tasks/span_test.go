package tasks_test

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestWithoutATracerSpansAllocateNothing(t *testing.T) {
	p := tasks.NewProcessor(tasks.Parts{})
	rec := &journal.Record{ID: "a", Provider: "unitpay", PaymentID: "1", State: refund.Queued}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { p.Spans(ctx, rec, nil) }); n != 0 {
		t.Errorf("%v allocations a delivery, want none", n)
	}
}

func BenchmarkSpansOfADelivery(b *testing.B) {
	rec := &journal.Record{ID: "a", Provider: "unitpay", PaymentID: "1", State: refund.Queued}
	headers := map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	rec.Trace = headers["traceparent"]
	for name, parts := range map[string]tasks.Parts{
		"off":         {},
		"on":          {Tracer: sdktrace.NewTracerProvider().Tracer("bench")},
		"sampled out": {Tracer: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("bench")},
	} {
		p := tasks.NewProcessor(parts)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Spans(b.Context(), rec, headers)
			}
		})
	}
}
