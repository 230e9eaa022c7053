package main

import (
	"context"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

func (c *control) erase() *cobra.Command {
	var note string
	var by *string
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "erase REFUND_ID --note TEXT",
		Short: "Remove a person's data from a settled refund, for good",
		Long: `Remove a person's data from a settled refund, for good: the receipt with the
customer's e-mail address and phone number, the reason and the metadata, from
the record, its finished task and its events. What was refunded to which payment
stays, and the same request is still known. Doing it again does no harm.

The history keeps the note: don't name the customer in it. Backups of Redis, its
append-only file until it is rewritten (BGREWRITEAOF), and what others read from
the events or exported are beyond its reach.`,
		Example:           `  refundctl erase 0192f0c1-2345-7abc-8def-0123456789ab --note "request 2025-117"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeRefund(refund.Succeeded, refund.Declined, refund.Canceled),
	}
	cmd.RunE = c.decide(&format, "personal data is erased", func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error) {
		return o.Erase(ctx, id, *by, note)
	})
	cmd.Flags().StringVar(&note, "note", "", "`TEXT`: who asked for it (required)")
	by, format = c.byFlag(cmd), cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}
