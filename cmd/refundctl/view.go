package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// amountOf says how much was asked for.
func amountOf(v journal.View) string {
	if v.Amount == "" {
		return "full"
	}
	return v.Amount
}

// writeView prints one refund for people.
func writeView(w io.Writer, v journal.View) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, cli.OneLine(value))
		}
	}
	line("refund", v.RefundID)
	line("state", string(v.State))
	line("why", v.ReasonCode)
	line("waiting", v.Waiting)
	line("contradicted", v.Contradicted)
	line("next look", stamp(v.NextAt))
	line("provider", v.Provider)
	line("payment", v.PaymentID)
	line("amount", amountOf(v)+" "+v.Currency)
	line("moved", v.AmountMoved)
	line("provider's id", v.ProviderRefundID)
	line("reason", v.Reason)
	line("metadata", string(v.Metadata))
	line("created", cli.Stamp(v.CreatedAt))
	line("updated", cli.Stamp(v.UpdatedAt))
	line("window ends", stamp(v.WindowEndsAt))
	if len(v.Attempts) > 0 {
		fmt.Fprintln(t, "\nATTEMPT\tSTARTED\tENDED\tOUTCOME\tCODE\tMESSAGE")
	}
	for _, a := range v.Attempts {
		row(t, fmt.Sprint(a.Number), cli.Stamp(a.StartedAt), cli.Stamp(a.EndedAt), a.Outcome, a.Code, a.Message)
		for _, p := range a.Parts {
			row(t, "", "", "", "part", "", partText(p, refund.Currency(v.Currency)))
		}
	}
	if len(v.History) > 0 {
		fmt.Fprintln(t, "\nSEQ\tAT\tFROM\tTO\tBY\tNOTE")
	}
	for _, h := range v.History {
		row(t, fmt.Sprint(h.Seq), cli.Stamp(h.At), string(h.From), string(h.To), h.By, h.Note)
	}
	return t.Flush()
}

// partText says what became of one leg of a refund.
func partText(p providers.Part, c refund.Currency) string {
	what := "did not move"
	if p.Moved {
		what = "moved"
	}
	text := fmt.Sprintf("%s %s %s", p.Operation, refund.Money{Minor: p.Minor, Currency: c}, what)
	if p.Reference != "" {
		text += " (" + p.Reference + ")"
	}
	return text
}

// row prints one line of a table. A tabwriter keeps its first error for Flush.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = cli.OneLine(c)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return cli.Stamp(*t)
}

// ago says for how long something stands, roughly, for people.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
