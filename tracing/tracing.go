// Package tracing sets OpenTelemetry up for a command, from the standard OTEL_*
// variables of its environment. Nothing is traced unless they ask for it, and
// then nothing of it costs anything.
//
// It never keeps a refund waiting: spans that the collector does not take are
// dropped, and the end of a process waits a few seconds for them at most.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTime bounds how long the end of a process waits for the last spans.
const flushTime = 5 * time.Second

// quiet is how long nothing more is said of spans that are lost.
const quiet = time.Minute

// Tracing is what a command traces with. Nil traces nothing.
type Tracing struct{ provider *sdk.TracerProvider }

// Start sets tracing up; nil and no error: the environment asks for none.
// service is the name of what is traced, unless OTEL_SERVICE_NAME says
// otherwise. lost is told, now and then, why spans do not arrive.
func Start(ctx context.Context, service string, lost func(error)) (*Tracing, error) {
	if !wanted() {
		return nil, nil
	}
	propagator, err := propagatorOf(os.Getenv("OTEL_PROPAGATORS"))
	if err != nil {
		return nil, err
	}
	exporters, err := exporters(ctx)
	if err != nil {
		return nil, err
	}
	// Not the process's arguments: nobody knows what stands there.
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	options := []sdk.TracerProviderOption{sdk.WithResource(res)} // the sampler is the SDK's own reading of OTEL_TRACES_SAMPLER
	for _, e := range exporters {
		options = append(options, sdk.WithBatcher(e))
	}
	otel.SetErrorHandler(seldom(lost))
	otel.SetTextMapPropagator(propagator)
	return &Tracing{sdk.NewTracerProvider(options...)}, nil
}

// Tracer makes the spans; nil where nothing is traced.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("refundworker")
}

// Close sends the last spans off, within a few seconds.
func (t *Tracing) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last spans were not sent: %w", err)
	}
	return nil
}

// wanted reports whether the environment asks for traces: by naming an exporter,
// or where to send to. The specification's default would be a collector on this
// machine; here it is silence.
func wanted() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// propagatorOf reads OTEL_PROPAGATORS: how a trace goes on from a task's
// headers. baggage is taken and nothing is carried by it.
func propagatorOf(names string) (propagation.TextMapPropagator, error) {
	if names == "" {
		return propagation.TraceContext{}, nil
	}
	all := propagation.NewCompositeTextMapPropagator()
	for name := range strings.SplitSeq(names, ",") {
		switch name = strings.TrimSpace(name); name {
		case "tracecontext":
			all = propagation.TraceContext{}
		case "none", "baggage":
		default:
			return nil, fmt.Errorf("OTEL_PROPAGATORS: %.64q is not supported; name tracecontext, or none", name)
		}
	}
	return all, nil
}

// seldom hands errors on, of which a collector that is away makes many.
func seldom(lost func(error)) otel.ErrorHandlerFunc {
	var last atomic.Int64
	return func(err error) {
		now := time.Now().UnixNano()
		if before := last.Load(); now-before >= int64(quiet) && last.CompareAndSwap(before, now) {
			lost(err)
		}
	}
}
