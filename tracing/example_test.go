package tracing_test

import (
	"context"
	"fmt"
	"os"

	"refundworker/tracing"
	"refundworker/worker"
)

// A program of one's own that embeds a worker, and traces it where the
// environment asks for it.
func Example() {
	os.Unsetenv("OTEL_TRACES_EXPORTER")
	os.Unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	os.Unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	traces, err := tracing.Start(context.Background(), "my-refunds", func(err error) { fmt.Println("spans are lost:", err) })
	if err != nil {
		fmt.Println(err)
		return
	}
	options := worker.Options{Tracer: traces.Tracer()}
	fmt.Println("traced:", options.Tracer != nil)
	fmt.Println("closed:", traces.Close())
	// Output:
	// traced: false
	// closed: <nil>
}
