// Command refundctl is the operator's command line: it shows refunds, decides
// reviews, and pauses providers. It holds no provider's secrets; what needs a
// provider is carried out by a worker.
package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
)

func main() {
	ctx, stop := cli.Interruptible()
	status := run(ctx, cli.Process())
	stop()
	os.Exit(status)
}

// control is what the commands share.
type control struct {
	setup  *cli.Setup
	screen *cli.Screen
	by     string // who sits at the terminal, unless --by says otherwise
	person string // the same; empty where it is not known
	now    func() time.Time
}

// run runs one command line and returns its exit status.
func run(ctx context.Context, p cli.Program) int {
	root := &cobra.Command{
		Use:   "refundctl",
		Short: "Look at refunds and decide about them",
		Long: `Look at refunds and decide about them.

Exit status: 0 done, 1 error or not possible, 2 usage, 4 invalid, 5 Redis not
reached, 9 statement and journal differ.`,
		RunE: cli.NeedCommand,
	}
	c := &control{setup: cli.NewSetup(root, p), screen: cli.NewScreen(root, p), by: cli.Operator(p.Env), person: cli.Person(p.Env), now: time.Now}
	root.AddCommand(c.show(), c.list(), c.stats(), c.resolve(), c.approve(), c.retry(), c.cancel(), c.erase(), c.pause(), c.resume(),
		c.afterRestore(), c.export(), c.reconcile(), c.doctor(), c.watch())
	return cli.Run(ctx, root, p)
}

// byFlag adds --by.
func (c *control) byFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("by", c.by, "`NAME` of who decides, for the history")
}
