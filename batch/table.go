package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	scan   scanner
	header *header
}

func newTable(name string, in *bufio.Reader, line int) (*table, error) {
	t := &table{scan: scanner{in: in, comma: delimiter(in), line: line}}
	rec, err := t.scan.next()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	t.header = &header{comma: t.scan.comma}
	for _, cell := range rec.cells {
		t.header.names = append(t.header.names, strings.TrimSpace(cell))
	}
	if rule := t.header.fault(rec); rule != "" {
		return nil, &FileError{name, rec.line, "the header " + rule}
	}
	return t, nil
}

// delimiter looks whether the header row is written with semicolons, as
// spreadsheets do where the comma is the decimal sign.
func delimiter(in *bufio.Reader) byte {
	// More bytes than a header can have. A short file is no error here.
	start, _ := in.Peek(4096)
	first, _, _ := bytes.Cut(start, []byte{'\n'})
	if bytes.Count(first, []byte{';'}) > bytes.Count(first, []byte{','}) {
		return ';'
	}
	return ','
}

// fault says all that is wrong with the header; empty if nothing is.
func (h *header) fault(rec record) string {
	if rec.fault != "" {
		return rec.fault
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
		rec, err := t.scan.next()
		if err != nil {
			return Row{}, err
		}
		if !rec.blank() {
			return t.row(rec), nil
		}
	}
}

func (t *table) row(rec record) Row {
	row := Row{Line: rec.line, cells: rec.cells}
	switch want := len(t.header.names); {
	case rec.fault != "":
		row.Faults.Add("row", rec.fault)
	case rec.count != want:
		row.Faults.Add("row", fmt.Sprintf("has %d cells where the header has %d", rec.count, want))
	}
	if len(row.Faults) > 0 {
		// What stands in which column is not known, so nothing is taken over.
		row.cells, row.text = nil, strings.TrimRight(string(t.scan.raw), "\r\n")
		return row
	}
	for i, name := range t.header.names {
		if rec.cells[i] == "" || rejectColumn(name) {
			continue
		}
		var faults refund.Invalid
		if err := columns[name](&row.Request, rec.cells[i]); errors.As(err, &faults) {
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
