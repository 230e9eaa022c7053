package main

import (
	"encoding/csv"
	"io"

	"refundworker/internal/cli"
	"refundworker/journal"
)

// flushEvery bounds how many lines wait to be aligned.
const flushEvery = 200

// columns are those of CSV. Amounts are decimals in major units, times UTC.
var columns = []string{"refund_id", "provider", "payment_id", "amount", "amount_moved", "currency", "state", "reason_code",
	"provider_refund_id", "reason", "metadata", "created_at", "updated_at", "window_ends_at", "waiting", "requested_by", "approved_by"}

// listing prints many refunds, one a line, without holding them all.
type listing struct {
	out    io.Writer
	screen *cli.Screen
	table  *cli.Table
	csv    *csv.Writer
	begun  bool
}

func newListing(screen *cli.Screen, w io.Writer, f cli.Format) *listing {
	l := &listing{out: w, screen: screen}
	switch f {
	case cli.Text:
		l.table = screen.NewTable(w, cli.Column{Title: "REFUND", Least: 12}, cli.Column{Title: "PROVIDER", Drop: 2},
			cli.Column{Title: "PAYMENT", Least: 10}, cli.Column{Title: "AMOUNT", Right: true}, cli.Column{Title: "CURRENCY", Drop: 1},
			cli.Column{Title: "STATE"}, cli.Column{Title: "UPDATED", Drop: 3}, cli.Column{Title: "WHY", Least: 12})
	case cli.CSV:
		l.csv = csv.NewWriter(w)
	}
	return l
}

func (l *listing) write(v journal.View) error {
	if err := l.begin(); err != nil {
		return err
	}
	switch {
	case l.csv != nil:
		return l.csv.Write(cells(v))
	case l.table == nil:
		return cli.WriteJSON(l.out, v)
	}
	why := v.ReasonCode
	if v.Waiting != "" {
		why = v.Waiting
	}
	l.table.Row(v.RefundID, v.Provider, v.PaymentID, amountOf(v), v.Currency, l.screen.State(v.State), cli.Stamp(v.UpdatedAt), why)
	if l.table.Waiting() == flushEvery {
		return l.table.Flush()
	}
	return nil
}

// begin prints the header of CSV, once.
func (l *listing) begin() error {
	if l.begun || l.csv == nil {
		return nil
	}
	l.begun = true
	return l.csv.Write(columns)
}

// flush ends the listing; an empty one still has its header.
func (l *listing) flush() error {
	if err := l.begin(); err != nil {
		return err
	}
	switch {
	case l.csv != nil:
		l.csv.Flush()
		return l.csv.Error()
	case l.table != nil:
		return l.table.Flush()
	}
	return nil
}

// cells are the values of columns. Free text is guarded against being run as a
// formula; the rest has forms that none can have.
func cells(v journal.View) []string {
	return []string{v.RefundID, v.Provider, v.PaymentID, v.Amount, v.AmountMoved, v.Currency, string(v.State), v.ReasonCode,
		cli.Cell(v.ProviderRefundID), cli.Cell(v.Reason), string(v.Metadata), cli.Stamp(v.CreatedAt), cli.Stamp(v.UpdatedAt),
		stamp(v.WindowEndsAt), cli.Cell(v.Waiting), cli.Cell(v.RequestedBy), cli.Cell(v.ApprovedBy)}
}
