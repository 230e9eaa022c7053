package providers_test

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"refundworker/providers"
	"refundworker/providers/sandbox"
	"refundworker/providers/unitpay"
)

// A driver makes one call and says what came of it. It is the worker's part to
// write the attempt down first and to do something about the answer.
func ExampleAccount() {
	company := sandbox.New(sandbox.Options{})
	defer company.Close()
	if err := company.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	company.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: "42", Minor: 500_00})
	base, err := url.Parse(company.BaseURL(sandbox.UnitPay))
	if err != nil {
		panic(err)
	}
	account, err := unitpay.Driver{}.Open(providers.Settings{Name: "unitpay", BaseURL: base,
		Secrets: map[string]providers.Secret{"secret_key": providers.NewSecret(sandbox.UnitPaySecret)}})
	if err != nil {
		panic(err)
	}
	attempt := providers.Attempt{RefundID: "r-1", Number: 1, PaymentID: "42", Minor: 100_00, Currency: "RUB",
		Deadline: time.Now().Add(15 * time.Second)}

	fmt.Println(account.Refund(context.Background(), attempt).Kind)

	company.Fail(sandbox.UnitPay, "42", sandbox.Fault{Kind: sandbox.ResetAfter})
	attempt.Number, attempt.Minor = 2, 50_00
	fmt.Println(account.Refund(context.Background(), attempt).Kind, company.Moved(sandbox.UnitPay, "42"))
	// Output:
	// succeeded
	// unknown 15000
}
