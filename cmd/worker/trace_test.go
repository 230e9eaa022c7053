package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/tracing/tracingtest"
)

// The whole command, told by the environment alone where its spans go.
func TestTheWorkerSendsItsSpansWhereTheEnvironmentSays(t *testing.T) {
	got, url := tracingtest.Serve(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	t.Setenv("OTEL_SERVICE_NAME", "refunds-test")
	t.Setenv("UNITPAY_SECRET_KEY", sandbox.UnitPaySecret)

	companies := sandbox.New(sandbox.Options{})
	if err := companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer companies.Close()
	companies.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: "1234512345", Minor: 100_00})
	file := filepath.Join(t.TempDir(), "refunds.yaml")
	text := fmt.Sprintf("redis: redis://%s/0\ndurability: none\nlisten: 127.0.0.1:0\nproviders:\n  unitpay:\n    driver: unitpay\n    base_url: %s\n    secret_key: ${UNITPAY_SECRET_KEY}\n",
		miniredis.RunT(t).Addr(), companies.BaseURL(sandbox.UnitPay))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, config.Options{Drivers: all.Drivers})
	if err != nil {
		t.Fatal(err)
	}
	backend, err := tasks.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	receipt, err := tasks.NewEnqueuer(backend, cfg).Enqueue(t.Context(), refund.Request{Provider: "unitpay", PaymentID: "1234512345", Currency: "RUB"})
	if err != nil || receipt.Status != tasks.Queued {
		t.Fatalf("%+v, %v", receipt, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"--config", file}, io.Discard, io.Discard) }()
	settled := time.NewTicker(20 * time.Millisecond)
	defer settled.Stop()
	patience := time.After(45 * time.Second)
	for {
		rec, err := backend.Journal.Get(t.Context(), receipt.RefundID)
		if err != nil {
			t.Fatal(err)
		}
		if rec.State == refund.Succeeded {
			break
		}
		select {
		case <-settled.C:
		case status := <-ended:
			t.Fatalf("the worker ended with status %d", status)
		case <-patience:
			t.Fatalf("the refund is still %s", rec.State)
		}
	}
	stop()
	if status := <-ended; status != statusOK {
		t.Errorf("status %d", status)
	}
	names := map[string]bool{}
	for _, span := range got.Spans() {
		names[span.Name] = true
		if span.Resource["service.name"] != "refunds-test" {
			t.Errorf("span %s is of service %q", span.Name, span.Resource["service.name"])
		}
	}
	for _, name := range []string{"deliver", "wait", "lookup", "attempt", "settle"} {
		if !names[name] {
			t.Errorf("the collector got %v, and no %s", names, name)
		}
	}
}

func TestWrongTracingVariablesStopTheWorkerAtTheStart(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	if status := run(t.Context(), []string{"--config", configFor(t, "127.0.0.1:0")}, io.Discard, io.Discard); status != statusError {
		t.Errorf("status %d, want %d", status, statusError)
	}
}
