package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"
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
		Args:  cobra.NoArgs,
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
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "PROVIDER\tSTATE\tCOUNT\tOLDEST\tSINCE")
			for _, n := range all.States {
				row(t, n.Provider, string(n.State), strconv.FormatInt(n.Count, 10),
					ago(time.Duration(n.OldestSeconds)*time.Second), cli.Stamp(n.OldestSince))
			}
			fmt.Fprintln(t)
			for _, p := range all.Providers {
				fmt.Fprintln(t, p.text())
			}
			return t.Flush()
		}),
	}
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
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
	for _, name := range providerNames(s.Config) {
		status, err := o.Paused(cmd.Context(), name)
		if err != nil {
			return all, err
		}
		all.Providers = append(all.Providers, standingOf(name, status))
	}
	return all, nil
}
