package refund_test

import (
	"testing"

	"refundworker/refund"
)

// anyRules are a driver's that allow everything.
type anyRules struct{}

func (anyRules) CanonicalPayment(id string) (string, error) { return id, nil }
func (anyRules) CheckOrder(refund.Order) refund.Invalid     { return nil }

func benchRequest() refund.Request {
	return refund.Request{RefundID: "order-1001-refund-1", Provider: "unitpay", PaymentID: "1234512345", Amount: "100.00",
		Currency: "RUB", PaymentTotal: "500.00", Reason: "returned goods", Metadata: map[string]string{"order": "1001"}}
}

func BenchmarkParseMoney(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := refund.ParseMoney("123456.78", "RUB"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMoneyString(b *testing.B) {
	b.ReportAllocs()
	m := refund.Money{Minor: 123456_78, Currency: "RUB"}
	for b.Loop() {
		_ = m.String()
	}
}

func BenchmarkRequestCheck(b *testing.B) {
	b.ReportAllocs()
	r := benchRequest()
	for b.Loop() {
		if _, err := r.Check(anyRules{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOrderDigest(b *testing.B) {
	b.ReportAllocs()
	o, err := benchRequest().Check(anyRules{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = o.Digest()
	}
}
