package tracing

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporters are those that OTEL_TRACES_EXPORTER names. contrib's autoexport
// reads the same variables, and brings the exporters of metrics and logs with
// it: 23 more modules for nothing that is used here.
func exporters(ctx context.Context) ([]sdk.SpanExporter, error) {
	var list []sdk.SpanExporter
	for name := range strings.SplitSeq(cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp"), ",") {
		var e sdk.SpanExporter
		var err error
		switch name = strings.TrimSpace(name); name {
		case "otlp":
			e, err = otlp(ctx)
		case "console":
			// Not to standard output, where commands have their results.
			e, err = stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
		default:
			err = fmt.Errorf("OTEL_TRACES_EXPORTER: %.64q is not supported; name otlp, console or none", name)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// otlp is the exporter to a collector. It reads its endpoint, headers,
// certificates and time limit from the environment by itself.
func otlp(ctx context.Context) (sdk.SpanExporter, error) {
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	switch protocol {
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %.64q is not supported; name http/protobuf or grpc", protocol)
}
