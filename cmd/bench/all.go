package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"refundworker/internal/cli"
)

// allCommand prints the tables of docs/performance.md, one experiment after the
// other.
func allCommand() *cobra.Command {
	var million bool
	cmd := &cobra.Command{
		Use: "all", Args: cobra.NoArgs,
		Short: "Make every measurement of docs/performance.md and print it as markdown",
		Long: `Make every measurement of docs/performance.md, each as its command does without
flags, and print all tables as markdown. It takes about ten minutes on a quiet
machine; elsewhere the figures say little.`,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return interrupted(cmd.Context(), measureAll(cmd, million))
		}),
	}
	cmd.Flags().BoolVar(&million, "million", false, "let growth go on to a million refunds, which takes minutes and about 2 GiB more")
	return cmd
}

func measureAll(cmd *cobra.Command, million bool) error {
	out, progress := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if _, err := fmt.Fprintf(out, "## Settling\n\n`go run ./cmd/bench --provider-latency 0s,20ms`\n\n"); err != nil {
		return err
	}
	if err := measureMain(cmd, out, progress); err != nil {
		return err
	}
	for _, e := range experiments() {
		e.flags(pflag.NewFlagSet(e.name, pflag.ContinueOnError))
		line := "go run ./cmd/bench " + e.name
		if g, ok := e.settings.(*growthSettings); ok && million {
			g.waiting = []int{1000, 100_000, 1_000_000}
			line += " --waiting 1000,100000,1000000"
		}
		fmt.Fprintf(progress, "%s\n", line)
		found, at, err := e.measure(cmd.Context(), progress)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := fmt.Fprintf(out, "\n## bench %s\n\n`%s`: %s\n", e.name, line, at); err != nil {
			return err
		}
		if err := writeSheets(out, markdown, found.sheets()); err != nil {
			return err
		}
	}
	return nil
}

// measureMain is the comparison with bare asynq.
func measureMain(cmd *cobra.Command, out, progress io.Writer) error {
	root, s := newRoot()
	if err := root.ParseFlags([]string{"--provider-latency", "0s,20ms"}); err != nil {
		return err
	}
	s.bothPreflights = true
	*s.format = markdown
	return run(cmd.Context(), *s, out, progress)
}
