package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/tracing"
)

// connect reaches Redis, and traces what is enqueued where the environment asks
// for it. The function returned ends both.
func connect(cmd *cobra.Command, cfg *config.Config) (*cli.Session, func(), error) {
	warn := func(err error) { fmt.Fprintln(cmd.ErrOrStderr(), "enqueue: traces:", err) }
	traces, err := tracing.Start(cmd.Context(), "refund-enqueue", warn)
	if err != nil {
		return nil, nil, err
	}
	session, err := cli.Connect(cmd.Context(), cfg)
	if err == nil {
		session.Backend.Tracer = traces.Tracer()
		return session, func() {
			session.Close()
			if err := traces.Close(); err != nil {
				warn(err)
			}
		}, nil
	}
	_ = traces.Close() // it has no spans
	return nil, nil, err
}
