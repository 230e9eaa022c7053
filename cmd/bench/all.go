package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"refundworker/internal/cli"
)

// compared are the flags with which bench itself is measured.
var compared = []string{"--concurrency", "32,128", "--provider-latency", "0s,20ms"}

// allCommand prints what docs/performance.md has under Results.
func allCommand() *cobra.Command {
	var million bool
	cmd := &cobra.Command{
		Use: "all", Args: cobra.NoArgs,
		Short: "Make every measurement of docs/performance.md and print it as markdown",
		Long: `Make every measurement of docs/performance.md and print all tables as markdown.
It takes about ten minutes on a quiet machine; on one that others use the figures
say little.`,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			growth := []string{}
			if million {
				growth = []string{"--waiting", "1000,100000,1000000"}
			}
			return interrupted(cmd.Context(), measureAll(cmd, map[string][]string{"growth": growth}))
		}),
	}
	cmd.Flags().BoolVar(&million, "million", false, "let growth go on to a million refunds, which takes minutes and about 2 GiB more")
	return cmd
}

// measureAll runs one command line after the other; flags are those of some
// experiments.
func measureAll(cmd *cobra.Command, flags map[string][]string) error {
	out, progress := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := compareAll(cmd, out, progress); err != nil {
		return err
	}
	for _, e := range experiments() {
		given := flags[e.name]
		set := pflag.NewFlagSet(e.name, pflag.ContinueOnError)
		e.flags(set)
		if err := set.Parse(given); err != nil {
			return err
		}
		if err := heading(out, progress, append([]string{e.name}, given...)...); err != nil {
			return err
		}
		found, at, err := e.measure(cmd.Context(), progress)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := fmt.Fprintf(out, "%s\n", at); err != nil {
			return err
		}
		if err := writeSheets(out, markdown, found.sheets()); err != nil {
			return err
		}
	}
	return nil
}

// compareAll is the comparison with bare asynq.
func compareAll(cmd *cobra.Command, out, progress io.Writer) error {
	root, s := newRoot()
	if err := root.ParseFlags(append([]string{"-o", string(markdown)}, compared...)); err != nil {
		return err
	}
	s.bothPreflights = true
	if err := heading(out, progress, compared...); err != nil {
		return err
	}
	return run(cmd.Context(), *s, out, progress)
}

// heading names the command line whose tables follow.
func heading(out, progress io.Writer, args ...string) error {
	line := "go run ./cmd/bench " + strings.Join(args, " ")
	fmt.Fprintln(progress, line)
	_, err := fmt.Fprintf(out, "\n### `%s`\n\n", line)
	return err
}
