package statement_test

import (
	"fmt"
	"strings"
	"time"

	"refundworker/refund"
	"refundworker/statement"
)

func Example() {
	file := "Payment ID;Amount;Currency;Date\n1234512345;1 000,00;RUB;31.01.2025\n1234512346;50,00;RUB;31.01.2025\n"
	read, err := statement.Read("january.csv", strings.NewReader(file), statement.Form{}, func(id string) (string, error) { return id, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	period := statement.Period{Slack: 72 * time.Hour}.Of(read.Rows, time.UTC)
	comparison := statement.NewComparison(read.Rows, period)
	// What the journal says, of each refund that matters.
	err = comparison.Add(statement.Entry{RefundID: "order-7", Payment: "1234512345", Amount: refund.Money{Minor: 100000, Currency: "RUB"}, Known: true,
		State: refund.Review, Since: time.Date(2025, 1, 31, 10, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range comparison.Findings() {
		fmt.Println(f.Kind, "line", f.Row.Line, f.Row.Amount)
	}
	// Output:
	// other_state line 2 1000.00
	// missing_here line 3 50.00
}
