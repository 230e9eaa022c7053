package sandbox_test

import (
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

func TestLatencyHoldsTheAnswerBackAndNotTheMoney(t *testing.T) {
	const latency = 30 * time.Millisecond
	b := start(t, sandbox.Options{Latency: latency})
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00})
	asked := time.Now()
	got := b.do(b.refundRequest(sandbox.UnitPay))
	if took := time.Since(asked); got.status != 200 || took < latency {
		t.Errorf("HTTP %d after %s, want 200 after %s at least", got.status, took, latency)
	}
	if moved := b.Moved(sandbox.UnitPay, unitpayID); moved != 100_00 {
		t.Errorf("moved %d", moved)
	}
}
