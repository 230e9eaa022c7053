package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
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
func (c *control) writeView(w io.Writer, v journal.View) error {
	about := c.screen.NewTable(w, cli.Column{}, cli.Column{Least: 20, Wrap: true})
	line := func(name, value string) {
		if value != "" {
			about.Row(name, value)
		}
	}
	line("refund", v.RefundID)
	line("state", c.screen.State(v.State))
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
	line("asked for by", v.RequestedBy)
	line("approved by", v.ApprovedBy)
	line("metadata", string(v.Metadata))
	line("trace", v.TraceID)
	line("erased", stamp(v.ErasedAt))
	line("created", cli.Stamp(v.CreatedAt))
	line("updated", cli.Stamp(v.UpdatedAt))
	line("window ends", stamp(v.WindowEndsAt))
	return errors.Join(about.Flush(), c.writeAttempts(w, v), c.writeHistory(w, v))
}

func (c *control) writeAttempts(w io.Writer, v journal.View) error {
	if len(v.Attempts) == 0 {
		return nil
	}
	t := c.screen.NewTable(w, cli.Column{Title: "ATTEMPT"}, cli.Column{Title: "STARTED", Drop: 1}, cli.Column{Title: "ENDED", Drop: 2},
		cli.Column{Title: "OUTCOME"}, cli.Column{Title: "CODE", Least: 6}, cli.Column{Title: "MESSAGE", Least: 16, Wrap: true})
	for _, a := range v.Attempts {
		t.Row(fmt.Sprint(a.Number), cli.Stamp(a.StartedAt), cli.Stamp(a.EndedAt), a.Outcome, a.Code, a.Message)
		for _, p := range a.Parts {
			t.Row("", "", "", "", "part", partText(p, refund.Currency(v.Currency)))
		}
	}
	return titled(w, t)
}

func (c *control) writeHistory(w io.Writer, v journal.View) error {
	if len(v.History) == 0 {
		return nil
	}
	t := c.screen.NewTable(w, cli.Column{Title: "SEQ", Right: true}, cli.Column{Title: "AT"}, cli.Column{Title: "FROM", Drop: 1},
		cli.Column{Title: "TO"}, cli.Column{Title: "BY", Least: 8}, cli.Column{Title: "NOTE", Least: 16, Wrap: true})
	for _, h := range v.History {
		t.Row(fmt.Sprint(h.Seq), cli.Stamp(h.At), string(h.From), c.screen.State(h.To), h.By, h.Note)
	}
	return titled(w, t)
}

// titled prints a table after an empty line.
func titled(w io.Writer, t *cli.Table) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
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
