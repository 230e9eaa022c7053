// Package tracingtest is a collector of OpenTelemetry spans for tests. It
// decodes what really came over the wire.
package tracingtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector keeps the spans that it is sent. It is a gRPC service, too.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []Span
}

// Span is a span with the attributes of what sent it.
type Span struct {
	*trace.Span
	Resource map[string]string
}

// Serve returns a collector and its address over HTTP, until the test ends.
func Serve(t *testing.T) (*Collector, string) {
	t.Helper()
	c := new(Collector)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server.URL
}

// Spans are those that came so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Export takes spans.
func (c *Collector) Export(_ context.Context, q *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range q.ResourceSpans {
		resource := map[string]string{}
		for _, a := range from.Resource.Attributes {
			resource[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range from.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, Span{span, resource})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// ServeHTTP takes spans as OTLP's http/protobuf.
func (c *Collector) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	message := new(collector.ExportTraceServiceRequest)
	if err == nil {
		err = proto.Unmarshal(body, message)
	}
	if err != nil || q.URL.Path != "/v1/traces" {
		http.Error(w, "not a trace", http.StatusBadRequest)
		return
	}
	_, _ = c.Export(q.Context(), message)
	w.Header().Set("Content-Type", "application/x-protobuf")
}
