package batch

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"refundworker/refund"
)

// Rejects writes the rows that were refused, in the form of the file they came
// from and with their line and what is wrong, so that the corrected file can be
// loaded as it is.
type Rejects struct {
	out   *bufio.Writer
	table *csv.Writer // nil for JSON Lines
	names []string    // of the columns that are taken over; "" where one is left out
	err   error
}

// NewRejects starts a file of rejected rows of from, for CSV with its header.
func NewRejects(w io.Writer, from *Reader) *Rejects {
	r := &Rejects{out: bufio.NewWriter(w)}
	if from.Format == JSONL {
		return r
	}
	if from.bom {
		_, r.err = r.out.WriteString("\ufeff")
	}
	r.table = csv.NewWriter(r.out)
	r.table.Comma = rune(from.header.comma)
	var header []string
	for _, name := range from.header.names {
		if rejectColumn(name) {
			name = ""
		} else {
			header = append(header, name)
		}
		r.names = append(r.names, name)
	}
	r.keep(r.table.Write(append(header, lineColumn, errorColumn)))
	return r
}

// Write adds a row with what is wrong with it.
func (r *Rejects) Write(row Row, faults refund.Invalid) {
	if r.table == nil {
		r.keep(r.writeLine(row, faults))
		return
	}
	cells := make([]string, 0, len(r.names)+2)
	for i, name := range r.names {
		switch {
		case name == "":
		case row.cells != nil:
			cells = append(cells, row.cells[i])
		case len(cells) == 0:
			// A row whose columns are not known stands in one cell, as it was
			// written: guessing at them could make another refund of it.
			cells = append(cells, row.text)
		default:
			cells = append(cells, "")
		}
	}
	r.keep(r.table.Write(append(cells, strconv.Itoa(row.Line), faults.Error())))
}

// writeLine adds the two fields to the object as it was written, or where it is
// no object keeps it as a text, which no loading will take for a refund.
func (r *Rejects) writeLine(row Row, faults refund.Invalid) error {
	members := map[string]json.RawMessage{}
	body, isObject := "", json.Unmarshal([]byte(row.text), &members) == nil && members != nil
	_, hasLine := members[lineColumn]
	_, hasError := members[errorColumn]
	switch {
	case isObject && (hasLine || hasError):
		delete(members, lineColumn)
		delete(members, errorColumn)
		rest, err := json.Marshal(members)
		if err != nil {
			return err
		}
		body = string(rest[1 : len(rest)-1])
	case isObject:
		body = strings.TrimSpace(row.text[1 : len(row.text)-1])
	default:
		raw, err := json.Marshal(row.text)
		if err != nil {
			return err
		}
		body = `"raw":` + string(raw)
	}
	if body != "" {
		body += ","
	}
	said, err := json.Marshal(faults.Error())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "{%s\"%s\":%d,\"%s\":%s}\n", body, lineColumn, row.Line, errorColumn, said)
	return err
}

func (r *Rejects) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Flush writes what is buffered and returns the first error of all writes.
func (r *Rejects) Flush() error {
	if r.table != nil {
		r.table.Flush()
		r.keep(r.table.Error())
	}
	r.keep(r.out.Flush())
	return r.err
}
