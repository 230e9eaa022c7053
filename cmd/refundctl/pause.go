package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/pause"
	"refundworker/tasks"
)

// standing is how a provider stands, for scripts.
type standing struct {
	Provider string     `json:"provider"`
	Paused   bool       `json:"paused"`
	Reason   string     `json:"reason,omitempty"` // operator, health, credentials
	Detail   string     `json:"detail,omitempty"`
	By       string     `json:"by,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Ramping  bool       `json:"ramping,omitempty"` // resumed, and not at full speed yet
}

func standingOf(provider string, s pause.Status) standing {
	out := standing{Provider: provider, Paused: s.Reason != "", Ramping: s.Ramping}
	if out.Paused {
		since := s.Since.UTC()
		out.Reason, out.Detail, out.By, out.Since = string(s.Reason), s.Detail, s.By, &since
	}
	return out
}

// text says it in one line.
func (s standing) text(screen *cli.Screen) string {
	switch {
	case s.Ramping && !s.Paused:
		return s.Provider + " " + screen.Paint(cli.Wait, "runs, and gets up to speed")
	case !s.Paused:
		return s.Provider + " " + screen.Paint(cli.Good, "runs")
	}
	text := fmt.Sprintf(" (%s) since %s", s.Reason, stamp(s.Since))
	if s.By != "" {
		text += " by " + s.By
	}
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	return s.Provider + " is " + screen.Paint(cli.Bad, "paused") + cli.OneLine(text)
}

func (s standing) write(screen *cli.Screen, w io.Writer, f cli.Format) error {
	if f == cli.JSON {
		return cli.WriteJSON(w, s)
	}
	_, err := fmt.Fprintln(w, s.text(screen))
	return err
}

func (c *control) pause() *cobra.Command {
	var note string
	cmd := c.providersCommand(func(ctx context.Context, o *tasks.Operator, provider, by string) error {
		return o.Pause(ctx, provider, by, note)
	})
	cmd.Use = "pause PROVIDER | --all"
	cmd.Short = "Stop all calls to a provider, over all workers, until resume"
	cmd.Long = "Stop all calls to a provider, over all workers, until resume. A call that is on\nits way ends. Refunds wait meanwhile; none is declined."
	cmd.Example = `  refundctl pause unitpay --note "the bank's maintenance until six"
  refundctl pause --all --note "wrong prices in the shop"`
	cmd.Flags().StringVar(&note, "note", "", "`TEXT`: why")
	return cmd
}

func (c *control) resume() *cobra.Command {
	cmd := c.providersCommand(func(ctx context.Context, o *tasks.Operator, provider, by string) error {
		return o.Resume(ctx, provider, by)
	})
	cmd.Use = "resume PROVIDER | --all"
	cmd.Short = "End any pause of a provider"
	cmd.Long = "End any pause of a provider, an operator's or one that began by itself. Calls\nget up to speed step by step."
	cmd.Example = `  refundctl resume unitpay
  refundctl resume --all`
	return cmd
}

// providersCommand is a command about one provider or all.
func (c *control) providersCommand(do func(ctx context.Context, o *tasks.Operator, provider, by string) error) *cobra.Command {
	var all bool
	var format *cli.Format
	var by *string
	cmd := &cobra.Command{Args: cobra.MaximumNArgs(1)}
	cmd.RunE = cli.Action(func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == all {
			return cli.UsageError("name a provider, or --all")
		}
		s, err := c.setup.Open(cmd.Context())
		if err != nil {
			return err
		}
		defer s.Close()
		names := args
		if all {
			names = cli.ProviderNames(s.Config)
		}
		o := tasks.NewOperator(s.Backend, s.Config)
		for _, name := range names {
			if err := do(cmd.Context(), o, name, *by); err != nil {
				return s.Explain(cmd.Context(), err)
			}
			now, err := o.Paused(cmd.Context(), name)
			if err != nil {
				return s.Explain(cmd.Context(), err)
			}
			if err := standingOf(name, now).write(c.screen, cmd.OutOrStdout(), *format); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.ValidArgsFunction = c.setup.Providers
	cmd.Flags().BoolVar(&all, "all", false, "all configured providers")
	by, format = c.byFlag(cmd), cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}
