package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// decision is what one command does to one refund.
type decision func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error)

// decide makes the action of a command about one refund: it does what the
// decision says and prints the refund as it is then. done says in text what
// was done.
func (c *control) decide(format **cli.Format, done string, d decision) func(*cobra.Command, []string) error {
	return cli.Action(func(cmd *cobra.Command, args []string) error {
		s, err := c.setup.Open(cmd.Context())
		if err != nil {
			return err
		}
		defer s.Close()
		rec, err := d(cmd.Context(), tasks.NewOperator(s.Backend, s.Config), args[0])
		if err != nil {
			return fail(cmd.Context(), s, cmd.OutOrStdout(), **format, args[0], rec, err)
		}
		if **format == cli.JSON {
			return c.showOne(cmd, s, cli.JSON, rec, true)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "refund %s is %s: %s\n", rec.ID, c.screen.State(rec.State), done)
		return err
	})
}

func (c *control) resolve() *cobra.Command {
	var r tasks.Resolution
	var outcome string
	var by *string
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "resolve REFUND_ID --outcome succeeded|declined --note TEXT",
		Short: "Decide a refund in review",
		Long: `Decide a refund in review, from what the provider's portal or support says.
After a partial outcome --moved says how much went back.`,
		Example: `  refundctl resolve 0192f0c1-2345-7abc-8def-0123456789ab --outcome succeeded --note "seen in the portal, refund 4711"
  refundctl resolve order-7-refund-1 --outcome succeeded --moved 5.88 --note "the bank: points only"
  refundctl resolve order-7-refund-1 --outcome declined --note "support: nothing arrived"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeRefund(refund.Review),
	}
	run := c.decide(&format, "the review is decided", func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error) {
		r.By, r.Outcome = *by, refund.State(outcome)
		return o.Resolve(ctx, id, r)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if outcome != string(refund.Succeeded) && outcome != string(refund.Declined) {
			return cli.UsageError("--outcome must be succeeded or declined")
		}
		return run(cmd, args)
	}
	flags := cmd.Flags()
	flags.StringVar(&outcome, "outcome", "", "what happened: `succeeded or declined` (required)")
	flags.StringVar(&r.Moved, "moved", "", "`AMOUNT` that went back, in major units; required after a partial outcome")
	flags.StringVar(&r.Note, "note", "", "`TEXT`: how you know (required)")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions([]string{"succeeded", "declined"}, cobra.ShellCompDirectiveNoFileComp))
	by, format = c.byFlag(cmd), cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

func (c *control) retry() *cobra.Command {
	var r journal.RetryRequest
	var by *string
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "retry REFUND_ID --note TEXT",
		Short: "Ask a worker to try a refund in review again",
		Long: `Ask a worker to try a refund in review again. It asks the provider first and
sends only on proof that nothing moved, never before the settling time is over
nor after a partial outcome. Where the provider can't tell it refuses, unless
--accept-risk is given: then the payment may be refunded twice, by your word.`,
		Example:           `  refundctl retry order-7-refund-1 --note "support: nothing arrived"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeRefund(refund.Review),
	}
	cmd.RunE = c.decide(&format, "a worker will look into it; see its history", func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error) {
		r.By = *by
		return o.Retry(ctx, id, r)
	})
	cmd.Flags().StringVar(&r.Note, "note", "", "`TEXT`: why (required)")
	cmd.Flags().BoolVar(&r.AcceptRisk, "accept-risk", false, "send also where the provider can't tell whether money moved")
	by, format = c.byFlag(cmd), cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

func (c *control) cancel() *cobra.Command {
	var note string
	var by *string
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "cancel REFUND_ID --note TEXT",
		Short: "Withdraw a queued refund of which no attempt is unproven",
		Long: `Withdraw a refund that is still queued. One whose money may have moved can't be
withdrawn: it ends by itself, or in review.`,
		Example:           `  refundctl cancel order-7-refund-1 --note "the customer keeps it"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeRefund(refund.Queued),
	}
	cmd.RunE = c.decide(&format, "nothing is sent any more", func(ctx context.Context, o *tasks.Operator, id string) (*journal.Record, error) {
		return o.Cancel(ctx, id, *by, note)
	})
	cmd.Flags().StringVar(&note, "note", "", "`TEXT`: why (required)")
	by, format = c.byFlag(cmd), cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}
