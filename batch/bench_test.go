package batch_test

import (
	"fmt"
	"strings"
	"testing"

	"refundworker/batch"
	"refundworker/providers/unitpay"
)

// One row from a file's bytes to a checked order with its id.
func BenchmarkRow(b *testing.B) {
	for format, row := range map[string]string{
		"csv":   "unitpay,%d,100.00,RUB,returned goods\n",
		"jsonl": `{"provider":"unitpay","payment_id":"%d","amount":"100.00","currency":"RUB","reason":"returned goods"}` + "\n",
	} {
		b.Run(format, func(b *testing.B) {
			var text strings.Builder
			if format == "csv" {
				text.WriteString("provider,payment_id,amount,currency,reason\n")
			}
			for i := range b.N {
				fmt.Fprintf(&text, row, 1_000_000+i)
			}
			r, err := batch.NewReader("f."+format, strings.NewReader(text.String()))
			if err != nil {
				b.Fatal(err)
			}
			var naming batch.Naming
			defer naming.Close()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				row, err := r.Next()
				if err != nil || len(row.Faults) > 0 {
					b.Fatal(row.Faults, err)
				}
				o, err := row.Request.Check(unitpay.Driver{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := naming.ID(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
