package batch_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"refundworker/batch"
)

func ExampleReader() {
	file := "payment_id;provider;currency;amount\n" +
		"1234512345;unitpay;RUB;100.00\n" +
		"1234512346;unitpay\n"
	r, err := batch.NewReader("refunds.csv", strings.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if len(row.Faults) > 0 {
			fmt.Printf("line %d: %s\n", row.Line, row.Faults)
			continue
		}
		fmt.Printf("line %d: %s %s\n", row.Line, row.Request.Amount, row.Request.PaymentID)
	}
	// Output:
	// line 2: 100.00 1234512345
	// line 3: row: has 2 cells where the header has 4
}
