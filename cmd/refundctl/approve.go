package main

import (
	"context"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

func (c *control) approve() *cobra.Command {
	var note, by string
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "approve REFUND_ID --note TEXT",
		Short: "Let a refund go that is beyond its provider's limits",
		Long: `Let a refund go that is beyond its provider's limits (needs_approval). Nothing
of it was sent yet. It takes another person than the one who asked for the
refund, and is for this refund only. Not to approve it is

  refundctl resolve REFUND_ID --outcome declined --note TEXT`,
		Example:           `  refundctl approve 0192f0c1-2345-7abc-8def-0123456789ab --note "order 17 was cancelled by us, seen with sales"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeRefund(refund.Review),
	}
	cmd.RunE = c.decide(&format, "it is approved, and a worker sends it", func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error) {
		return o.Approve(ctx, id, by, note)
	})
	cmd.Flags().StringVar(&note, "note", "", "`TEXT`: why (required)")
	cmd.Flags().StringVar(&by, "by", c.person, "`NAME` of who approves")
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}
