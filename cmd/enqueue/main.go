// Command enqueue puts refunds on their queues: one from flags, or a file of
// them. It needs no provider's secrets.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
)

func main() {
	ctx, stop := cli.Interruptible()
	status := run(ctx, cli.Process())
	stop()
	os.Exit(status)
}

// run runs one command line and returns its exit status.
func run(ctx context.Context, p cli.Program) int {
	root := &cobra.Command{
		Use:   "enqueue",
		Short: "Put refunds on their queues",
		Long: `Put refunds on their queues, one from flags or a file of them.

Exit status: 0 queued or existing, 1 error, 2 usage, 3 duplicate, 4 invalid or
conflict, 5 Redis not reached. With --wait: 0 succeeded, 6 declined or canceled,
7 review, 8 still open when the time was over.`,
		RunE: cli.NeedCommand,
	}
	setup := cli.NewSetup(root, p)
	root.AddCommand(refundCommand(setup, p), batchCommand(setup, p))
	return cli.Run(ctx, root, p)
}
