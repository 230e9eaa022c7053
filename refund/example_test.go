package refund_test

import (
	"errors"
	"fmt"
	"strings"

	"refundworker/refund"
)

// digits are the rules of a provider that numbers its payments.
type digits struct{}

func (digits) CanonicalPayment(id string) (string, error) {
	if strings.Trim(id, "0123456789") != "" {
		return "", errors.New("must be digits")
	}
	return strings.TrimLeft(id, "0"), nil
}

func (digits) CheckOrder(refund.Order) refund.Invalid { return nil }

// Two spellings of one refund have one canonical form.
func Example() {
	for _, r := range []refund.Request{
		{RefundID: "r-1", Provider: "shop", PaymentID: "1234512345", Amount: "100.00", Currency: "RUB"},
		{RefundID: "r-1", Provider: "shop", PaymentID: "0001234512345", Amount: "100", Currency: "rub"},
		{RefundID: "r-2", Provider: "shop", PaymentID: "x", Amount: "0.001", Currency: "RUB"},
	} {
		order, err := r.Check(digits{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(order.PaymentID, order.Amount, order.Amount.Minor)
	}
	// Output:
	// 1234512345 100.00 10000
	// 1234512345 100.00 10000
	// payment_id: must be digits; amount: 0.001 has more decimals than RUB can hold (2)
}
