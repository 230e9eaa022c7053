package tasks_test

import (
	"testing"

	"refundworker/providers/unitpay"
	"refundworker/refund"
	"refundworker/tasks"
)

func benchOrder(b *testing.B) refund.Order {
	b.Helper()
	o, err := refund.Request{RefundID: "order-1001-refund-1", Provider: "unitpay", PaymentID: "1234512345", Amount: "100.00",
		Currency: "RUB", PaymentTotal: "500.00", Reason: "returned goods", Metadata: map[string]string{"order": "1001"}}.Check(unitpay.Driver{})
	if err != nil {
		b.Fatal(err)
	}
	return o
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	o := benchOrder(b)
	for b.Loop() {
		if _, err := tasks.Encode(o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	payload, err := tasks.Encode(benchOrder(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tasks.Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}
