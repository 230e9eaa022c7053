package prometheus_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// patience is how long anything may take on a busy machine.
const patience = 90 * time.Second

// until waits for a condition; what says why it does not hold yet.
func until(t *testing.T, holds func() (ok bool, why string)) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		ok, why := holds()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain waited %s: %s", patience, why)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startWorker runs a worker on a real Redis with simulated companies, and
// returns its address and a function that makes a company refund.
func startWorker(t *testing.T) (addr string, pay func()) {
	t.Helper()
	store := redistest.Start(t, "--maxmemory", "1gb")
	companies := sandbox.New(sandbox.Options{})
	if err := companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = companies.Close() })
	text := fmt.Sprintf(`
redis: redis://%s/0
durability: none
listen: 127.0.0.1:0
providers:
  unitpay: {driver: unitpay, base_url: "%s", secret_key: %s, one_refund_per_payment: false, rate_limit: 20/s}
`, store.Addr, companies.BaseURL(sandbox.UnitPay), sandbox.UnitPaySecret)
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(cfg, worker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	select {
	case <-w.Listening():
	case err := <-ended:
		ended <- nil
		t.Fatalf("worker: %v", err)
	}
	backend, err := tasks.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	enqueuer, payments := tasks.NewEnqueuer(backend, cfg), 7_000_000_000
	return w.Addr(), func() {
		// One that succeeds and, by another queue, one that is declined.
		for i, amount := range []string{"10.00", "999.00"} {
			payments++
			p := sandbox.Payment{Company: sandbox.UnitPay, ID: fmt.Sprint(payments), Minor: 100_00}
			companies.AddPayment(p)
			var o []tasks.Option
			if i == 1 {
				o = append(o, tasks.Bulk())
			}
			q := refund.Request{Provider: sandbox.UnitPay, PaymentID: p.ID, Amount: amount, Currency: "RUB", Reason: "test"}
			if got, err := enqueuer.Enqueue(t.Context(), q, o...); err != nil || got.Status != tasks.Queued {
				t.Fatalf("enqueue: %+v, %v", got, err)
			}
		}
	}
}
