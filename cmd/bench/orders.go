package main

import (
	"fmt"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// What every refund of the benchmark is about, in minor units.
const (
	paid     int64 = 500_00
	refunded int64 = 100_00
)

// paymentID is the n-th payment in the company's form.
func paymentID(company string, n int64) string {
	if company == sandbox.UnitPay {
		return fmt.Sprint(1_000_000_000_000 + n)
	}
	return fmt.Sprintf("8ce09e40-2948-4225-a9c4-%012x", n)
}

func currency(company string) refund.Currency {
	if company == sandbox.Maib {
		return "MDL"
	}
	return "RUB"
}

// order is the request for the n-th payment: a partial refund, once.
func order(company string, n int64) refund.Request {
	return refund.Request{
		Version: 1, RefundID: fmt.Sprintf("bench-%d", n), Provider: company, PaymentID: paymentID(company, n),
		Amount:   refund.Money{Minor: refunded, Currency: currency(company)}.String(),
		Currency: string(currency(company)), Reason: "returned goods",
	}
}
