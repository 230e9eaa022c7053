package main

import (
	"encoding/csv"
	"io"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

// settledColumn is what an export has beside a listing.
const settledColumn = "settled_at"

// settled is one exported refund.
type settled struct {
	journal.View
	SettledAt string `json:"settled_at"`
}

func (c *control) export() *cobra.Command {
	var provider string
	var format *cli.Format
	since, until := cli.NewMoment(c.now), cli.NewMoment(c.now)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write out settled refunds, to compare with a provider's statement",
		Long: `Write out the refunds that settled (succeeded, declined or canceled) from
--since on and before --until. Amounts are decimals in major units, times UTC.
-o json is the same as -o jsonl: one object a line.`,
		Example: `  refundctl export --since 2025-01-01 --until 2025-02-01 -o csv
  refundctl export --provider maib --since 24h -o jsonl`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			if !until.Time.IsZero() && !since.Time.Before(until.Time) {
				return cli.UsageError("--since must be before --until")
			}
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			c.warnProvider(cmd, s, provider)
			e := newExporter(cmd.OutOrStdout(), *format)
			for _, state := range []refund.State{refund.Succeeded, refund.Declined, refund.Canceled} {
				f := journal.Filter{State: state, Provider: provider, Since: since.Time, Until: until.Time}
				for rec, err := range s.Backend.Journal.List(cmd.Context(), f) {
					if err != nil {
						return s.Explain(cmd.Context(), err)
					}
					// A terminal state never changes, so it was entered when the refund settled.
					at := rec.Since
					if at.Before(since.Time) || !until.Time.IsZero() && !at.Before(until.Time) {
						continue
					}
					if err := e.write(settled{rec.View(), cli.Stamp(at)}); err != nil {
						return err
					}
				}
			}
			return e.flush()
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&provider, "provider", "", "only refunds of the provider `NAME`")
	c.setup.CompleteProvider(cmd, "provider")
	flags.Var(since, "since", "settled at this time or later: 24h, 2006-01-02, or 2006-01-02T15:04:05Z (default: all)")
	flags.Var(until, "until", "settled before this time (default: all)")
	format = cli.FormatFlag(cmd, cli.CSV, cli.JSONL, cli.JSON)
	return cmd
}

// exporter writes settled refunds out.
type exporter struct {
	out io.Writer
	csv *csv.Writer // nil: JSON Lines
	err error       // of the header
}

func newExporter(w io.Writer, f cli.Format) *exporter {
	e := &exporter{out: w}
	if f == cli.CSV {
		e.csv = csv.NewWriter(w)
		e.err = e.csv.Write(append(append([]string{}, columns...), settledColumn))
	}
	return e
}

func (e *exporter) write(r settled) error {
	if e.err != nil || e.csv == nil {
		if e.err == nil {
			return cli.WriteJSON(e.out, r)
		}
		return e.err
	}
	return e.csv.Write(append(cells(r.View), r.SettledAt))
}

func (e *exporter) flush() error {
	if e.csv != nil && e.err == nil {
		e.csv.Flush()
		return e.csv.Error()
	}
	return e.err
}
