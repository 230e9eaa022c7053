package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

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
			lines := [][]string{compared}
			for _, e := range experiments() {
				line := []string{e.name}
				if million && e.name == "growth" {
					line = append(line, "--waiting", "1000,100000,1000000")
				}
				lines = append(lines, line)
			}
			return interrupted(cmd.Context(), measureAll(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), lines...))
		}),
	}
	cmd.Flags().BoolVar(&million, "million", false, "let growth go on to a million refunds, which takes minutes and about 2 GiB more")
	return cmd
}

// measureAll runs one command line after the other, each in a process of its own, so
// that none starts with what the ones before it have taken: what a child ever had in
// memory begins with what its parent had.
func measureAll(ctx context.Context, out, progress io.Writer, lines ...[]string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, args := range lines {
		line := "go run ./cmd/bench " + strings.Join(args, " ")
		fmt.Fprintln(progress, line)
		if _, err := fmt.Fprintf(out, "\n### `%s`\n\n", line); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, self, append(args, "-o", string(markdown))...)
		cmd.Stdout, cmd.Stderr = out, progress
		ownGroup(cmd)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it has started
		cmd.WaitDelay = 2 * endTime
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}
