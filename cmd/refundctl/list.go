package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

func (c *control) list() *cobra.Command {
	var state, provider string
	var full bool
	var format *cli.Format
	since := cli.NewMoment(c.now)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List refunds",
		Long: `List refunds. --since lists those that came into their state since then.

JSON is one object a line; --full adds attempts and history to it.`,
		Example: `  refundctl list --state review
  refundctl list --provider unitpay --since 24h -o csv`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			f := journal.Filter{State: refund.State(state), Provider: provider, Since: since.Time}
			if state != "" && !f.State.Valid() {
				return cli.UsageError("--state must be one of %s", states())
			}
			if full && *format != cli.JSON {
				return cli.UsageError("--full needs -o json")
			}
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			c.warnProvider(cmd, s, provider)
			l := newListing(c.screen, cmd.OutOrStdout(), *format)
			for rec, err := range s.Backend.Journal.List(cmd.Context(), f) {
				if err != nil {
					return s.Explain(cmd.Context(), err)
				}
				v, err := viewOf(cmd.Context(), s, rec, full)
				if err != nil {
					return err
				}
				if err := l.write(v); err != nil {
					return err
				}
			}
			return l.flush()
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "only refunds in this `STATE`")
	flags.StringVar(&provider, "provider", "", "only refunds of the provider `NAME`")
	c.setup.CompleteProvider(cmd, "provider")
	flags.Var(since, "since", "only refunds in their state since this time: 24h, 2006-01-02, or 2006-01-02T15:04:05Z")
	flags.BoolVar(&full, "full", false, "with attempts and history")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(strings.Split(states(), ", "), cobra.ShellCompDirectiveNoFileComp))
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON, cli.CSV)
	return cmd
}

func viewOf(ctx context.Context, s *cli.Session, rec *journal.Record, full bool) (journal.View, error) {
	if !full {
		return rec.View(), nil
	}
	v, err := s.Backend.Journal.FullView(ctx, rec)
	return v, s.Explain(ctx, err)
}

// warnProvider says so where the answer may be empty because of a mistyped
// name. A provider that is no longer configured may have refunds.
func (c *control) warnProvider(cmd *cobra.Command, s *cli.Session, name string) {
	if _, ok := s.Config.Provider(name); name != "" && !ok {
		fmt.Fprintf(cmd.ErrOrStderr(), "refundctl: note: provider %q is not configured\n", name)
	}
}

func states() string {
	names := make([]string, len(refund.States))
	for i, s := range refund.States {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
