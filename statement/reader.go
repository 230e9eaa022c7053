package statement

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"refundworker/internal/delimited"
	"refundworker/refund"
)

// MaxRows is how many refunds a statement may have, and how many of a period
// are compared with it: all of them are held in memory at once.
const MaxRows = 1_000_000

// maxFaults is how many faults are told at once.
const maxFaults = 20

// Row is one refund of a statement.
type Row struct {
	Line    int
	ID      string // as written; may be empty
	Payment string // in the driver's canonical form; may be empty
	Odd     bool   // the payment has no form that the driver knows, and is as written
	Amount  refund.Money
	Time    time.Time // zero: not said
}

// Statement is a file that was read.
type Statement struct {
	Rows    []Row
	Others  int // rows that are no refunds, by Form.Only and Form.OnlyNegative
	Columns []Used
	Notes   []string // what was not used, and why
}

// Fault is one thing that is wrong with a file.
type Fault struct {
	File string
	Line int // 0: no line is meant
	Rule string
}

// Error returns "FILE:LINE: rule".
func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Rule
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Rule)
}

// Faults are the first things that are wrong with a file.
type Faults []Fault

// Error lists them, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Canonical gives a payment's id the form that the journal has it in.
type Canonical func(string) (string, error)

// reader reads one file.
type reader struct {
	name      string
	form      Form
	canonical Canonical
	header    []string
	only      map[int][]string
	at        map[Field]int
	positive  int // the first line with such an amount
	negative  int
	faults    Faults
	got       Statement
}

// Read reads a statement. The name is for messages. An error is of type Faults
// where the file is not what it should be, else one of reading.
func Read(name string, in io.Reader, f Form, canonical Canonical) (*Statement, error) {
	r := &reader{name: name, form: f, canonical: canonical, at: map[Field]int{}}
	rows, err := r.begin(bufio.NewReaderSize(in, 64<<10))
	if err != nil {
		return nil, err
	}
	for len(r.faults) < maxFaults {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if !row.Blank() {
			r.row(row)
		}
	}
	if r.positive > 0 && r.negative > 0 && !f.OnlyNegative {
		r.fault(max(r.positive, r.negative), "the amount is %s and that of line %d is not: say which rows are refunds, with --only-negative or --only COLUMN=VALUE",
			map[bool]string{true: "negative", false: "positive"}[r.negative > r.positive], min(r.positive, r.negative))
	}
	if len(r.faults) == maxFaults {
		r.fault(0, "and perhaps more: the rest was not read")
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return &r.got, nil
}

func (r *reader) fault(line int, rule string, args ...any) {
	r.faults = append(r.faults, Fault{r.name, line, fmt.Sprintf(rule, args...)})
}

// begin reads up to the header row, and that one.
func (r *reader) begin(in *bufio.Reader) (*delimited.Scanner, error) {
	_, line, err := delimited.Start(in)
	switch {
	case errors.Is(err, delimited.ErrUTF16), errors.Is(err, delimited.ErrEmpty):
		return nil, Faults{{r.name, line, err.Error()}}
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", r.name, err)
	}
	var head delimited.Row
	var rows *delimited.Scanner
	for skipped := 0; skipped <= r.form.SkipLines; skipped++ {
		// What stands before the header row may be written in another way.
		comma := r.form.Delimiter
		if comma == 0 {
			comma = delimited.Delimiter(in)
		}
		rows = delimited.NewScanner(in, comma, line)
		head, err = rows.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, Faults{{r.name, line, "has no header row: the file ends before it"}}
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", r.name, err)
		}
		line = rows.Line()
	}
	if head.Fault != "" {
		return nil, Faults{{r.name, head.Line, "the header row " + head.Fault}}
	}
	if head.Count > len(head.Cells) {
		return nil, Faults{{r.name, head.Line, fmt.Sprintf("the header row has more than %d columns; leave out those that are not needed", len(head.Cells))}}
	}
	for _, cell := range head.Cells {
		r.header = append(r.header, strings.TrimSpace(cell))
	}
	used, only, notes, faults := header(r.header, r.form)
	for _, rule := range faults {
		r.fault(head.Line, "%s", rule)
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	r.only, r.got.Columns, r.got.Notes = only, used, notes
	for _, u := range used {
		r.at[u.Field] = u.at
	}
	return rows, nil
}

// row takes one row that is not blank.
func (r *reader) row(raw delimited.Row) {
	switch want := len(r.header); {
	case raw.Fault != "":
		r.fault(raw.Line, "%s", raw.Fault)
		return
	case raw.Count != want:
		r.fault(raw.Line, "has %d cells where the header row has %d", raw.Count, want)
		return
	}
	for at, values := range r.only {
		if !slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), strings.TrimSpace(raw.Cells[at])) }) {
			r.got.Others++
			return
		}
	}
	row, negative, err := r.read(raw)
	switch {
	case err != nil:
		r.fault(raw.Line, "%s", err)
		return
	case r.form.OnlyNegative && !negative:
		r.got.Others++
		return
	case row.Amount.Minor == 0:
		r.fault(raw.Line, "%s: is zero; leave such rows out with --only COLUMN=VALUE", r.column(Amount))
		return
	case negative && r.negative == 0:
		r.negative = raw.Line
	case !negative && r.positive == 0:
		r.positive = raw.Line
	}
	if len(r.got.Rows) == MaxRows {
		r.fault(raw.Line, "has more than %d refunds; split it by days, and compare each with --since and --until", MaxRows)
		return
	}
	r.got.Rows = append(r.got.Rows, row)
}

func (r *reader) read(raw delimited.Row) (row Row, negative bool, err error) {
	row.Line = raw.Line
	currency := r.form.Currency
	if text := r.cell(raw, Currency); text != "" || currency == "" {
		if currency, err = ParseCurrency(text); err != nil {
			return row, false, fmt.Errorf("%s: %w", r.column(Currency), err)
		}
	}
	if row.Amount, negative, err = amount(r.cell(raw, Amount), currency, r.form); err != nil {
		return row, false, fmt.Errorf("%s: %w", r.column(Amount), err)
	}
	if _, told := r.at[Time]; told {
		if row.Time, err = moment(r.cell(raw, Time), r.form); err != nil {
			return row, false, fmt.Errorf("%s: %w", r.column(Time), err)
		}
	}
	row.ID, row.Payment = r.cell(raw, ID), r.cell(raw, Payment)
	if row.ID == "" && row.Payment == "" {
		return row, false, errors.New("names neither a refund nor a payment; leave such rows out with --only COLUMN=VALUE")
	}
	if row.Payment != "" {
		form, err := r.canonical(row.Payment)
		row.Odd = err != nil
		if err == nil {
			row.Payment = form
		}
	}
	return row, negative, nil
}

func (r *reader) cell(raw delimited.Row, f Field) string {
	at, ok := r.at[f]
	if !ok {
		return ""
	}
	return strings.TrimSpace(raw.Cells[at])
}

// column names a field's column in messages.
func (r *reader) column(f Field) string {
	if at, ok := r.at[f]; ok {
		return fmt.Sprintf("column %q", clip(r.header[at]))
	}
	return string(f)
}
