package main

import (
	"fmt"
	"io"
	"strings"

	"refundworker/batch"
	"refundworker/internal/cli"
	"refundworker/refund"
	"refundworker/tasks"
)

// summary counts a file's rows.
type summary struct {
	BatchID   string  `json:"batch_id"`
	Rows      int64   `json:"rows"`
	Queued    int64   `json:"queued"`
	Existing  int64   `json:"existing"`
	Duplicate int64   `json:"duplicate"`
	Conflict  int64   `json:"conflict"`
	Invalid   int64   `json:"invalid"`
	DryRun    bool    `json:"dry_run,omitempty"`
	Totals    []total `json:"totals,omitzero"` // of a dry run
	Error     string  `json:"error,omitempty"` // why the file was not read to its end
}

func (s *summary) count(status tasks.Status) {
	s.Rows++
	switch status {
	case tasks.Queued:
		s.Queued++
	case tasks.Existing:
		s.Existing++
	case tasks.Duplicate:
		s.Duplicate++
	case tasks.Conflict:
		s.Conflict++
	default:
		s.Invalid++
	}
}

func (s *summary) status() int {
	switch {
	case s.Invalid > 0 || s.Conflict > 0:
		return cli.Invalid
	case s.Duplicate > 0:
		return cli.Duplicate
	}
	return cli.OK
}

func (s *summary) text() string {
	var b strings.Builder
	queued := "queued"
	if s.DryRun {
		b.WriteString("dry run, nothing was touched\n")
		queued = "would be queued"
	}
	fmt.Fprintf(&b, "%d rows: %d %s, %d existing, %d duplicate, %d conflict, %d invalid\n",
		s.Rows, s.Queued, queued, s.Existing, s.Duplicate, s.Conflict, s.Invalid)
	for _, t := range s.Totals {
		fmt.Fprintf(&b, "%s: %d refunds, %s %s", t.Provider, t.Count, t.Sum, t.Currency)
		if t.Full > 0 {
			fmt.Fprintf(&b, ", without the %d full ones, whose amounts the provider knows", t.Full)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// report tells each row and counts it.
type report struct {
	name    string // of the file
	stderr  io.Writer
	rejects *batch.Rejects // nil: none
	preview *preview       // nil: no dry run
	bar     *bar
	summary summary
	last    int // the last line that was told
}

// row tells one row; rows come in the file's order.
func (r *report) row(it *item) error {
	if r.preview != nil && it.receipt.Status == tasks.Queued {
		it.receipt = r.preview.take(it.row.Line, it.order, it.row.Request.RefundID != "")
	}
	got := it.receipt
	r.summary.count(got.Status)
	r.last = it.row.Line
	var err error
	switch got.Status {
	case tasks.Queued, tasks.Existing:
	default:
		r.bar.clear()
		_, err = fmt.Fprintf(r.stderr, "%s:%d: %s\n", r.name, it.row.Line, told(got))
		if r.rejects != nil && got.Status != tasks.Duplicate {
			r.rejects.Write(it.row, faultsOf(got))
		}
	}
	r.bar.move()
	return err
}

// told says in one line why a row was not taken in.
func told(got tasks.Receipt) string {
	switch got.Status {
	case tasks.Duplicate:
		text := "duplicate"
		if got.ExistingID != "" {
			text += fmt.Sprintf(" of refund %s, which is %s", got.ExistingID, got.State)
		} else if got.Message != "" {
			text += ": " + got.Message
		}
		if got.WindowEndsAt != nil {
			text += ", until " + cli.Stamp(*got.WindowEndsAt)
		}
		return cli.OneLine(text)
	case tasks.Conflict:
		return cli.OneLine(fmt.Sprintf("conflict: refund %s: %s", got.RefundID, got.Message))
	}
	return cli.OneLine("invalid: " + reason(got))
}

// faultsOf says in the file of rejected rows what is wrong.
func faultsOf(got tasks.Receipt) refund.Invalid {
	switch {
	case len(got.Faults) > 0:
		return got.Faults
	case got.Status == tasks.Conflict:
		return refund.Invalid{{Field: "refund_id", Rule: got.Message}}
	}
	return refund.Invalid{{Field: got.Rule, Rule: got.Message}}
}
