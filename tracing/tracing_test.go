package tracing_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"refundworker/tracing"
	"refundworker/tracing/tracingtest"
)

// variables are all that this package reads itself.
var variables = []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_PROPAGATORS", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER"}

func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, env[name])
	}
}

func TestSpansReachTheCollectorThatTheEnvironmentNames(t *testing.T) {
	for protocol, serve := range map[string]func(*testing.T) (*tracingtest.Collector, string){
		"":              tracingtest.Serve,
		"http/protobuf": tracingtest.Serve,
		"grpc":          overGRPC,
	} {
		t.Run(protocol, func(t *testing.T) {
			got, url := serve(t)
			setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
				"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"})
			traces, err := tracing.Start(t.Context(), "refunds", func(err error) { t.Error(err) })
			if err != nil {
				t.Fatal(err)
			}
			_, span := traces.Tracer().Start(t.Context(), "attempt")
			span.End()
			if err := traces.Close(); err != nil {
				t.Error(err)
			}
			spans := got.Spans()
			if len(spans) != 1 || spans[0].Name != "attempt" || spans[0].Resource["service.name"] != "refunds" || spans[0].Resource["deployment.environment.name"] != "test" {
				t.Errorf("the collector got %v", spans)
			}
		})
	}
}

func overGRPC(t *testing.T) (*tracingtest.Collector, string) {
	got := new(tracingtest.Collector)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, got)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return got, "http://" + listener.Addr().String()
}

func TestTheEnvironmentDecides(t *testing.T) {
	const somewhere = "http://127.0.0.1:1"
	for name, tc := range map[string]struct {
		env  map[string]string
		on   bool
		want string // in the error
	}{
		"nothing: off":               {nil, false, ""},
		"an endpoint: on":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": somewhere}, true, ""},
		"one for traces alone: on":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": somewhere}, true, ""},
		"an exporter: on":            {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"two exporters: on":          {map[string]string{"OTEL_TRACES_EXPORTER": "console, otlp"}, true, ""},
		"none, in spite of one: off": {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": somewhere}, false, ""},
		"disabled: off":              {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": somewhere}, false, ""},
		"another exporter: error":    {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, `OTEL_TRACES_EXPORTER: "zipkin" is not supported; name otlp`},
		"another protocol: error":    {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false, `"http/json" is not supported; name http/protobuf or grpc`},
		"another propagator: error":  {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_PROPAGATORS": "tracecontext,b3"}, false, `OTEL_PROPAGATORS: "b3" is not supported`},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tc.env)
			traces, err := tracing.Start(t.Context(), "refunds", func(error) {})
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				return
			}
			if err != nil || (traces.Tracer() != nil) != tc.on {
				t.Errorf("traces: %v, error %v", traces.Tracer() != nil, err)
			}
			if err := traces.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPropagatorsSayWhetherATasksHeadersCount(t *testing.T) {
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for names, want := range map[string]string{"": traceparent, "tracecontext,baggage": traceparent, "none": "", "baggage": ""} {
		setenv(t, map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_PROPAGATORS": names})
		traces, err := tracing.Start(t.Context(), "refunds", func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		ctx := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": traceparent})
		carried := propagation.MapCarrier{}
		otel.GetTextMapPropagator().Inject(ctx, carried)
		if carried["traceparent"] != want || len(carried) > 1 {
			t.Errorf("%q carries %v", names, carried)
		}
		if err := traces.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestASamplerOfTheEnvironmentIsObeyed(t *testing.T) {
	got, url := tracingtest.Serve(t)
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_SAMPLER": "parentbased_always_off"})
	traces, err := tracing.Start(t.Context(), "refunds", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Tracer().Start(t.Context(), "attempt")
	span.End()
	if err := traces.Close(); err != nil || len(got.Spans()) != 0 {
		t.Errorf("the collector got %v, error %v", got.Spans(), err)
	}
}

func TestACollectorThatRefusesIsReportedOnce(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL})
	var mu sync.Mutex
	var lost []error
	traces, err := tracing.Start(t.Context(), "refunds", func(err error) { mu.Lock(); defer mu.Unlock(); lost = append(lost, err) })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * 512 { // as many as make a batch, and more
		_, span := traces.Tracer().Start(t.Context(), "attempt")
		span.End()
	}
	_ = traces.Close()
	mu.Lock()
	defer mu.Unlock()
	if len(lost) != 1 || !strings.Contains(lost[0].Error(), "404") {
		t.Errorf("told %v, want one word of the refusal", lost)
	}
}
