package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/refund"
	"refundworker/statement"
)

// finding is one line of a comparison, for scripts. Amounts are decimals in major
// units, times UTC; what is not known is empty.
type finding struct {
	Finding          statement.Kind `json:"finding"`
	Line             int            `json:"line,omitempty"` // of the statement
	RefundID         string         `json:"refund_id"`
	PaymentID        string         `json:"payment_id"`
	StatementID      string         `json:"statement_id"`
	ProviderRefundID string         `json:"provider_refund_id"`
	AmountThere      string         `json:"amount_there"` // what the statement says
	AmountHere       string         `json:"amount_here"`
	Currency         string         `json:"currency"`
	State            refund.State   `json:"state"`
	ReasonCode       string         `json:"reason_code"`
	AtThere          string         `json:"at_there"`
	AtHere           string         `json:"at_here"` // since when it is in its state
	Note             string         `json:"note"`
}

var findingColumns = []string{"finding", "line", "refund_id", "payment_id", "statement_id", "provider_refund_id", "amount_there",
	"amount_here", "currency", "state", "reason_code", "at_there", "at_here", "note"}

func findingOf(f statement.Finding) finding {
	out := finding{Finding: f.Kind, Note: f.Note}
	if e := f.Entry; e != nil {
		out.RefundID, out.PaymentID, out.ProviderRefundID, out.State = e.RefundID, e.Payment, e.ProviderRefundID, e.State
		out.ReasonCode, out.AtHere, out.Currency = e.Reason, cli.Stamp(e.Since), string(e.Amount.Currency)
		if e.Known {
			out.AmountHere = e.Amount.String()
		}
	}
	if r := f.Row; r != nil {
		out.Line, out.StatementID, out.AmountThere, out.Currency, out.AtThere = r.Line, r.ID, r.Amount.String(), string(r.Amount.Currency), cli.Stamp(r.Time)
		if out.PaymentID == "" {
			out.PaymentID = r.Payment
		}
	}
	return out
}

// cells are the values of findingColumns. What comes from the statement is
// guarded against being run as a formula.
func (f finding) cells() []string {
	line := ""
	if f.Line > 0 {
		line = strconv.Itoa(f.Line)
	}
	return []string{string(f.Finding), line, f.RefundID, cli.Cell(f.PaymentID), cli.Cell(f.StatementID), cli.Cell(f.ProviderRefundID),
		f.AmountThere, f.AmountHere, f.Currency, string(f.State), f.ReasonCode, f.AtThere, f.AtHere, f.Note}
}

// account is what a comparison comes to: its closing summary.
type account struct {
	Finding     string       `json:"finding"` // "summary", which tells the line from the others
	File        string       `json:"file"`
	Provider    string       `json:"provider"`
	Since       string       `json:"since"` // empty: open
	Until       string       `json:"until"`
	Columns     []usedColumn `json:"columns"`
	Notes       []string     `json:"notes"`
	Rows        int          `json:"rows"`    // compared
	Others      int          `json:"others"`  // rows that are no refunds
	Outside     int          `json:"outside"` // refunds outside of the period
	Differences int          `json:"differences"`
	Totals      []sums       `json:"totals"`

	read   *statement.Statement
	form   statement.Form
	period statement.Period
}

// usedColumn says where a field was read.
type usedColumn struct {
	Field    statement.Field `json:"field"`
	Column   string          `json:"column"`
	Detected bool            `json:"detected"` // by its name
}

// sums are those of one kind in one currency, in major units.
type sums struct {
	Finding  statement.Kind `json:"finding"`
	Currency string         `json:"currency"`
	Count    int            `json:"count"`
	There    string         `json:"there"`
	Here     string         `json:"here"` // as far as known
}

func (a *account) write(screen *cli.Screen, cmd *cobra.Command, f cli.Format, found []statement.Finding, all bool) error {
	a.sum(found)
	shown := func(yield func(finding) bool) {
		for _, one := range found {
			if (all || one.Kind != statement.Matched) && !yield(findingOf(one)) {
				return
			}
		}
	}
	switch w := cmd.OutOrStdout(); f {
	case cli.JSON:
		for one := range shown {
			if err := cli.WriteJSON(w, one); err != nil {
				return err
			}
		}
		return cli.WriteJSON(w, a)
	case cli.CSV:
		out := csv.NewWriter(w)
		_ = out.Write(findingColumns) // Error says it
		for one := range shown {
			_ = out.Write(one.cells())
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return err
		}
		return a.intro(cmd.ErrOrStderr())
	default:
		return a.text(screen, w, shown)
	}
}

// sum counts and adds up.
func (a *account) sum(found []statement.Finding) {
	a.Finding, a.Since, a.Until, a.Others, a.Notes, a.Totals = "summary", cli.Stamp(a.period.Since), cli.Stamp(a.period.Until), a.read.Others, a.read.Notes, []sums{}
	if a.Notes == nil {
		a.Notes = []string{}
	}
	for _, u := range a.read.Columns {
		a.Columns = append(a.Columns, usedColumn{u.Field, u.Column, u.Detected})
	}
	type key struct {
		kind     statement.Kind
		currency refund.Currency
	}
	type total struct {
		count       int
		there, here decimal.Decimal
	}
	totals := map[key]*total{}
	var order []key // findings come by kind
	for _, f := range found {
		k := key{kind: f.Kind}
		if f.Row != nil {
			k.currency = f.Row.Amount.Currency
			a.Rows++
		} else {
			k.currency = f.Entry.Amount.Currency
		}
		if f.Kind != statement.Matched {
			a.Differences++
		}
		t := totals[k]
		if t == nil {
			t = &total{}
			totals[k] = t
			order = append(order, k)
		}
		t.count++
		if f.Row != nil {
			t.there = t.there.Add(f.Row.Amount.Decimal())
		}
		// An amount in another currency is told in the finding's note.
		if f.Entry != nil && f.Entry.Known && f.Entry.Amount.Currency == k.currency {
			t.here = t.here.Add(f.Entry.Amount.Decimal())
		}
	}
	for _, k := range order {
		exponent, _ := k.currency.Exponent()
		t := totals[k]
		a.Totals = append(a.Totals, sums{k.kind, string(k.currency), t.count, t.there.StringFixed(exponent), t.here.StringFixed(exponent)})
	}
}

// intro says what was compared.
func (a *account) intro(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s: %d refunds, %s\n", a.File, a.Provider, a.Rows, describe(a.period))
	var columns []string
	for _, u := range a.Columns {
		how := ""
		if u.Detected {
			how = " (taken by its name)"
		}
		columns = append(columns, fmt.Sprintf("%s is %q%s", u.Field, u.Column, how))
	}
	if a.form.Currency != "" {
		columns = append(columns, "currency is "+string(a.form.Currency)+" where no column says it")
	}
	fmt.Fprintf(&b, "columns: %s\n", strings.Join(columns, ", "))
	if a.Others > 0 {
		fmt.Fprintf(&b, "%d rows are no refunds and were left out\n", a.Others)
	}
	if a.Outside > 0 {
		fmt.Fprintf(&b, "%d refunds lie outside of the period and were left out\n", a.Outside)
	}
	for _, n := range a.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, cli.OneLine(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) text(screen *cli.Screen, w io.Writer, shown func(func(finding) bool)) error {
	if err := a.intro(w); err != nil {
		return err
	}
	t := screen.NewTable(w, cli.Column{Title: "FINDING"}, cli.Column{Title: "LINE", Right: true}, cli.Column{Title: "REFUND", Least: 12},
		cli.Column{Title: "PAYMENT", Least: 10}, cli.Column{Title: "THERE", Right: true}, cli.Column{Title: "HERE", Right: true},
		cli.Column{Title: "CURRENCY", Drop: 2}, cli.Column{Title: "STATE", Drop: 1}, cli.Column{Title: "NOTE", Least: 10, Drop: 3})
	some := false
	for f := range shown {
		if !some {
			some = true
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		cells := f.cells()
		t.Row(screen.Paint(kindColor(f.Finding), string(f.Finding)), cells[1], f.RefundID, f.PaymentID, f.AmountThere, f.AmountHere, f.Currency, screen.State(f.State), f.Note)
		if t.Waiting() == flushEvery {
			if err := t.Flush(); err != nil {
				return err
			}
		}
	}
	if some {
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(a.Totals) == 0 {
		_, err := fmt.Fprintln(w, "nothing to compare")
		return err
	}
	t = screen.NewTable(w, cli.Column{Title: "FINDING"}, cli.Column{Title: "COUNT", Right: true}, cli.Column{Title: "CURRENCY"},
		cli.Column{Title: "THERE", Right: true}, cli.Column{Title: "HERE", Right: true})
	for _, s := range a.Totals {
		t.Row(screen.Paint(kindColor(s.Finding), string(s.Finding)), strconv.Itoa(s.Count), s.Currency, s.There, s.Here)
	}
	return titled(w, t)
}

func kindColor(k statement.Kind) cli.Color {
	switch k {
	case statement.Matched:
		return cli.Good
	case statement.OtherState, statement.MissingHere:
		return cli.Bad
	}
	return cli.Wait
}
