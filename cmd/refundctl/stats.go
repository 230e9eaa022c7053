package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// counted is one line of the statistics.
type counted struct {
	Provider      string       `json:"provider"`
	State         refund.State `json:"state"`
	Count         int64        `json:"count"`
	OldestSince   time.Time    `json:"oldest_since"` // when the oldest came into the state
	OldestSeconds int64        `json:"oldest_seconds"`
}

// statistics is the whole answer.
type statistics struct {
	States    []counted  `json:"states"`
	Providers []standing `json:"providers"`
}

func (c *control) stats() *cobra.Command {
	var format *cli.Format
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count refunds by provider and state, and show what is paused",
		Long: `Count refunds by provider and state, with the age of the oldest of each, and
show what is paused and why. JSON is one object: {"states":[…],"providers":[…]}.`,
		Example: `  refundctl stats
  refundctl stats -o json | jq '.states[] | select(.state == "review")'`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			all, err := gather(cmd, s)
			if err != nil {
				return s.Explain(cmd.Context(), err)
			}
			if *format == cli.JSON {
				return cli.WriteJSON(cmd.OutOrStdout(), all)
			}
			return all.write(c.screen, cmd.OutOrStdout())
		}),
	}
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

// write prints the statistics for people.
func (all statistics) write(screen *cli.Screen, w io.Writer) error {
	t := screen.NewTable(w, cli.Column{Title: "PROVIDER", Least: 8}, cli.Column{Title: "STATE"}, cli.Column{Title: "COUNT", Right: true},
		cli.Column{Title: "OLDEST", Right: true}, cli.Column{Title: "SINCE", Drop: 1})
	for _, n := range all.States {
		t.Row(n.Provider, screen.State(n.State), strconv.FormatInt(n.Count, 10),
			ago(time.Duration(n.OldestSeconds)*time.Second), cli.Stamp(n.OldestSince))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	for _, p := range all.Providers {
		if err := p.write(screen, w, cli.Text); err != nil {
			return err
		}
	}
	return nil
}

func gather(cmd *cobra.Command, s *cli.Session) (statistics, error) {
	all := statistics{States: []counted{}, Providers: []standing{}}
	now, err := s.Backend.Journal.Now(cmd.Context())
	if err != nil {
		return all, err
	}
	stats, err := s.Backend.Journal.Stats(cmd.Context())
	if err != nil {
		return all, err
	}
	slices.SortFunc(stats, func(a, b journal.Stat) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(slices.Index(refund.States, a.State), slices.Index(refund.States, b.State)))
	})
	for _, n := range stats {
		all.States = append(all.States, counted{n.Provider, n.State, n.Count, n.Oldest, max(0, int64(now.Sub(n.Oldest).Seconds()))})
	}
	o := tasks.NewOperator(s.Backend, s.Config)
	for _, name := range cli.ProviderNames(s.Config) {
		status, err := o.Paused(cmd.Context(), name)
		if err != nil {
			return all, err
		}
		all.Providers = append(all.Providers, standingOf(name, status))
	}
	return all, nil
}
