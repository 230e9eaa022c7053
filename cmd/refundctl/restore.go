package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
)

const restoredText = `The journal is marked as restored from a backup.
Until "refundctl after-restore --done", an attempt starts only where the provider
counts exactly what the journal knows to have moved of the payment, and not
before the provider's settling time is over (reconcile.settle, 10 minutes if not
configured), because what was sent last may still be on its way. Every other
refund that is not final goes to review.
`

const restoreOverText = `It is over for refunds that are enqueued from now on. Those from before that had no
attempt since are still compared with what the provider counts.
`

// restoring is the answer for scripts.
type restoring struct {
	Restored bool `json:"restored"` // whether the journal bears the mark now
}

func (c *control) afterRestore() *cobra.Command {
	var done bool
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "after-restore",
		Short: "After restoring a Redis backup: prove that nothing moved before anything is sent",
		Long: `After restoring a Redis backup the journal may be behind the world: refunds may
have been paid that it holds as queued. Run this before the workers start.

` + restoredText + `
With --done it ends, for refunds that are enqueued from then on: do that when
everything that the backup has forgotten is enqueued again. Refunds from before
that had no attempt since are still compared, however long they wait.

JSON is {"restored":true}, false after --done.`,
		Example: `  refundctl after-restore
  refundctl after-restore --done`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			text := restoredText
			if done {
				text, err = restoreOverText, s.Backend.Journal.RestoreOver(cmd.Context())
			} else {
				err = s.Backend.Journal.AfterRestore(cmd.Context(), c.now())
			}
			if err != nil {
				return s.Explain(cmd.Context(), err)
			}
			if *format == cli.JSON {
				return cli.WriteJSON(cmd.OutOrStdout(), restoring{Restored: !done})
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		}),
	}
	cmd.Flags().BoolVar(&done, "done", false, "what the backup forgot is enqueued again: new refunds begin as usual")
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}
