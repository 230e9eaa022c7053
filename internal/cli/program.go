package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Program is a command's surroundings.
type Program struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Env    func(string) (string, bool)
	// Columns is how wide the terminal is that Stdout is; 0: it is none.
	Columns int
}

// Process is the surroundings of this process.
func Process() Program {
	return Program{os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv, columnsOf(os.Stdout)}
}

// Interruptible returns a context that ends with SIGINT or SIGTERM. A second
// signal ends the process at once.
func Interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Run runs a command line and returns its exit status. An error that did not
// come from an Action is one of usage.
func Run(ctx context.Context, root *cobra.Command, p Program) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *Exit
	switch {
	case err == nil:
		return OK
	case !errors.As(err, &exit):
		fmt.Fprintf(p.Stderr, "%s: %s\nSee %s --help.\n", root.Name(), err, cmd.CommandPath())
		return Usage
	case exit.Err != nil && exit.Status == Usage:
		fmt.Fprintf(p.Stderr, "%s: %s\nSee %s --help.\n", root.Name(), exit.Err, cmd.CommandPath())
	case exit.Err != nil:
		fmt.Fprintf(p.Stderr, "%s: %s\n", root.Name(), strings.TrimSpace(exit.Err.Error()))
	}
	return exit.Status
}

// Action makes a cobra action of f, whose errors are no longer those of usage.
func Action(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		var exit *Exit
		if err == nil || errors.As(err, &exit) {
			return err
		}
		return &Exit{Status: StatusOf(err), Err: err}
	}
}

// NeedCommand is the action of a command that only has subcommands.
func NeedCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return errors.New("name a command")
}
