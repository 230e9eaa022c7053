package batch

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"refundworker/internal/delimited"
	"refundworker/refund"
)

// columns sets a request's field from a cell.
var columns = map[string]func(*refund.Request, string) error{
	"refund_id":     func(r *refund.Request, s string) error { r.RefundID = s; return nil },
	"provider":      func(r *refund.Request, s string) error { r.Provider = s; return nil },
	"payment_id":    func(r *refund.Request, s string) error { r.PaymentID = s; return nil },
	"amount":        func(r *refund.Request, s string) error { r.Amount = s; return nil },
	"currency":      func(r *refund.Request, s string) error { r.Currency = s; return nil },
	"payment_total": func(r *refund.Request, s string) error { r.PaymentTotal = s; return nil },
	"reason":        func(r *refund.Request, s string) error { r.Reason = s; return nil },
	"receipt": func(r *refund.Request, s string) (err error) {
		r.Receipt, err = refund.DecodeReceipt([]byte(s))
		return err
	},
	"metadata": func(r *refund.Request, s string) error {
		if !strings.HasPrefix(s, "{") || json.Unmarshal([]byte(s), &r.Metadata) != nil {
			r.Metadata = nil
			return refund.Invalid{{Field: "metadata", Rule: `must be a JSON object of texts, such as {"order":"17"}`}}
		}
		return nil
	},
}

// columnNames are the columns in the order in which messages list them.
var columnNames = []string{"refund_id", "provider", "payment_id", "amount", "currency", "payment_total", "reason", "receipt", "metadata"}

// required are the columns without which no row can be a refund.
var required = []string{"provider", "payment_id", "currency"}

// Columns of a file of rejected rows. They are read over, so that a corrected
// one can be loaded as it is.
const (
	lineColumn  = "line"
	errorColumn = "error"
)

func rejectColumn(name string) bool { return name == lineColumn || name == errorColumn }

// header is the first row of a table.
type header struct {
	comma byte
	names []string
}

// table reads a CSV file's rows.
type table struct {
	scan   *delimited.Scanner
	header *header
}

func newTable(name string, in *bufio.Reader, line int) (*table, error) {
	comma := delimited.Delimiter(in)
	t := &table{scan: delimited.NewScanner(in, comma, line)}
	rec, err := t.scan.Next()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	t.header = &header{comma: comma}
	for _, cell := range rec.Cells {
		t.header.names = append(t.header.names, strings.TrimSpace(cell))
	}
	if rule := t.header.fault(rec); rule != "" {
		return nil, &FileError{name, rec.Line, "the header " + rule}
	}
	return t, nil
}

// fault says all that is wrong with the header; empty if nothing is.
func (h *header) fault(rec delimited.Row) string {
	if rec.Fault != "" {
		return rec.Fault
	}
	var faults []string
	seen := map[string]bool{}
	for i, name := range h.names {
		switch {
		case name == "":
			faults = append(faults, fmt.Sprintf("has no name for column %d", i+1))
		case strings.Contains(name, "\r"):
			return "holds a lone carriage return; save the file with LF or CRLF line ends"
		case seen[name]:
			faults = append(faults, fmt.Sprintf("has the column %s twice", name))
		case columns[name] == nil && !rejectColumn(name):
			faults = append(faults, fmt.Sprintf("has the unknown column %.64q (known are %s)", name, strings.Join(columnNames, ", ")))
		}
		seen[name] = true
		if len(faults) == 5 {
			break
		}
	}
	for _, name := range required {
		if !seen[name] {
			faults = append(faults, fmt.Sprintf("lacks the column %s", name))
		}
	}
	return strings.Join(faults, "; ")
}

// next returns the next row that holds anything.
func (t *table) next() (Row, error) {
	for {
		rec, err := t.scan.Next()
		if err != nil {
			return Row{}, err
		}
		if !rec.Blank() {
			return t.row(rec), nil
		}
	}
}

func (t *table) row(rec delimited.Row) Row {
	row := Row{Line: rec.Line, cells: rec.Cells}
	switch want := len(t.header.names); {
	case rec.Fault != "":
		row.Faults.Add("row", rec.Fault)
	case rec.Count != want:
		row.Faults.Add("row", fmt.Sprintf("has %d cells where the header has %d", rec.Count, want))
	}
	if len(row.Faults) > 0 {
		// What stands in which column is not known, so nothing is taken over.
		row.cells, row.text = nil, strings.TrimRight(t.scan.Raw(), "\r\n")
		return row
	}
	for i, name := range t.header.names {
		if rec.Cells[i] == "" || rejectColumn(name) {
			continue
		}
		var faults refund.Invalid
		if err := columns[name](&row.Request, rec.Cells[i]); errors.As(err, &faults) {
			for _, f := range faults {
				row.Faults.Add(within(name, f.Field), f.Rule)
			}
		}
	}
	return row
}

// within names a field inside of a cell.
func within(column, field string) string {
	switch {
	case field == "request":
		return column
	case field == column || strings.HasPrefix(field, column+"."):
		return field
	}
	return column + "." + field
}
