package world_test

import (
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
)

func request(id, payment, amount string) refund.Request {
	return refund.Request{RefundID: id, Provider: "bank", PaymentID: payment, Amount: amount, Currency: "RUB", Reason: "returned"}
}

func TestARefundSucceedsInAWorldWithoutFaults(t *testing.T) {
	world.Run(t, world.Options{}, func(w *world.World) {
		began := time.Now()
		p := w.Start("a")
		receipt, err := p.Enqueue(request("r-1", "p-1", "100.00"))
		if err != nil || receipt.Status != "queued" {
			t.Fatal(receipt, err)
		}
		if err := w.Settle(time.Hour, p); err != nil {
			t.Error(err)
		}
		for _, s := range w.Steps() {
			t.Log(s)
		}
		if err := w.CheckSettled(); err != nil {
			t.Error(err)
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Succeeded {
			t.Error(rec.State, rec.Why)
		}
		t.Log("virtual", time.Since(began))
	})
}

func TestSpeed(t *testing.T) {
	began := time.Now()
	for range 300 {
		world.Run(t, world.Options{}, func(w *world.World) {
			p := w.Start("a")
			_, _ = p.Enqueue(request("r-1", "p-1", "100.00"))
			_ = w.Settle(time.Hour, p)
		})
	}
	t.Log(time.Since(began) / 300)
}
