package batch_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"

	"refundworker/batch"
)

// FuzzCSV holds the reader against encoding/csv: rows that both can read hold
// the same, and nothing that the reader takes is anything that it refuses.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("u,1,RUB\n"))
	f.Add([]byte("u,\"1\n,2\",RUB\r\n\"\"\"\",,\n"))
	f.Add([]byte("u,1\"2,RUB\nu,1,RUB"))
	f.Add([]byte("\"u,1,RUB\n"))
	f.Fuzz(func(t *testing.T, rows []byte) {
		const header = "provider,payment_id,currency\n"
		r, err := batch.NewReader("f.csv", io.MultiReader(bytes.NewReader([]byte(header)), bytes.NewReader(rows)))
		if err != nil {
			t.Fatal(err)
		}
		model := csv.NewReader(bytes.NewReader(rows))
		model.FieldsPerRecord = 3
		line := 1
		for {
			row, err := r.Next()
			var want []string
			modelErr := errors.New("blank")
			for modelErr != nil && !errors.Is(modelErr, io.EOF) {
				if want, modelErr = model.Read(); modelErr == nil && want[0]+want[1]+want[2] == "" {
					modelErr = errors.New("blank")
				} else if modelErr != nil && !errors.Is(modelErr, io.EOF) {
					return // from here on the two may have lost each other
				}
			}
			if errors.Is(err, io.EOF) {
				if modelErr == nil {
					t.Fatalf("the row %q is missing", want)
				}
				return
			}
			if err != nil || row.Line <= line {
				t.Fatalf("line %d after %d: %v", row.Line, line, err)
			}
			line = row.Line
			if len(row.Faults) > 0 {
				continue // NUL, UTF-8: refused here and not there
			}
			if got := row.Request; modelErr != nil || got.Provider != want[0] || got.PaymentID != want[1] || got.Currency != want[2] {
				t.Fatalf("got %+v, want %q, %v", got, want, modelErr)
			}
		}
	})
}

// FuzzJSONLines looks for lines that stop the reading or are taken in twice.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(`{"provider":"u","amount":"1"}` + "\n{}\nnull\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := batch.NewReader("f.jsonl", bytes.NewReader(text))
		if err != nil {
			return
		}
		line := 0
		for {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil || row.Line <= line {
				t.Fatalf("line %d after %d: %v", row.Line, line, err)
			}
			line = row.Line
		}
	})
}
