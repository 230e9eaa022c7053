package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

// Bounds of watching.
const (
	watchBlock    = time.Second // how long Redis holds a reading that finds nothing
	watchBatch    = 100
	watchFailures = 30 // readings in a row, a second apart
)

func (c *control) watch() *cobra.Command {
	var count int
	var format *cli.Format
	since := cli.NewMoment(c.now)
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show settled refunds as they happen",
		Long: `Show the events that order systems get: a refund that became final or came to
review, or evidence against a final state. An event may come twice; its seq
tells. Ends with Ctrl-C, or after --count events. JSON is one object a line.`,
		Example: `  refundctl watch
  refundctl watch --since 1h --count 10 -o json`,
		Args: cobra.NoArgs,
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			if count < 0 {
				return cli.UsageError("--count must not be negative")
			}
			s, err := c.setup.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			w := &watcher{rdb: s.Backend.Redis, out: cmd.OutOrStdout(), screen: c.screen, format: *format, left: count}
			if err := w.start(cmd.Context(), since.Time); err != nil {
				return s.Explain(cmd.Context(), err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "refundctl: watching %s\n", journal.Events)
			err = w.run(cmd.Context())
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how it ends
			}
			return s.Explain(cmd.Context(), err)
		}),
	}
	cmd.Flags().Var(since, "since", "begin with events since this time: 24h, 2006-01-02, or 2006-01-02T15:04:05Z (default: now)")
	cmd.Flags().IntVar(&count, "count", 0, "end after `N` events")
	format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

// watcher follows the stream of events.
type watcher struct {
	rdb    redis.UniversalClient
	out    io.Writer
	screen *cli.Screen
	format cli.Format
	last   string // the id of the last entry that was read
	left   int    // events until the end; 0: no end
}

// start finds where to begin. "Now" is taken as the id of the last entry: with
// XREAD's $ an event between two readings would be lost.
func (w *watcher) start(ctx context.Context, since time.Time) error {
	w.last = "0-0"
	if !since.IsZero() {
		// XREAD reads what comes after an id.
		w.last = fmt.Sprintf("%d-%d", max(0, since.UnixMilli()-1), uint64(1)<<63)
		return nil
	}
	entries, err := w.rdb.XRevRangeN(ctx, journal.Events, "+", "-", 1).Result()
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	if len(entries) == 1 {
		w.last = entries[0].ID
	}
	return nil
}

func (w *watcher) run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		streams, err := w.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{journal.Events, w.last}, Count: watchBatch, Block: watchBlock}).Result()
		switch {
		case errors.Is(err, redis.Nil):
			failures = 0
			continue
		case err != nil:
			if failures++; failures == watchFailures {
				return fmt.Errorf("read the events: %w", err)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			continue
		}
		failures = 0
		for _, stream := range streams {
			for _, entry := range stream.Messages {
				w.last = entry.ID
				if err := w.tell(entry.Values); err != nil {
					return err
				}
				if w.left--; w.left == 0 {
					return nil
				}
			}
		}
	}
	return nil
}

// event is an entry of the stream, for scripts.
type event struct {
	RefundID    string          `json:"refund_id"`
	Seq         int64           `json:"seq"`
	Provider    string          `json:"provider"`
	PaymentID   string          `json:"payment_id"`
	Amount      string          `json:"amount"`
	AmountMoved string          `json:"amount_moved"`
	Currency    string          `json:"currency"`
	State       string          `json:"state"`
	ReasonCode  string          `json:"reason_code"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	At          string          `json:"at"`
}

func (w *watcher) tell(values map[string]any) error {
	field := func(name string) string {
		s, _ := values[name].(string)
		return s
	}
	seq, err := strconv.ParseInt(field("seq"), 10, 64)
	if err != nil {
		return fmt.Errorf("an event has no readable seq: %w", err)
	}
	e := event{field("refund_id"), seq, field("provider"), field("payment_id"), field("amount"), field("amount_moved"),
		field("currency"), field("state"), field("reason_code"), nil, field("at")}
	if m := json.RawMessage(field("metadata")); json.Valid(m) {
		e.Metadata = m
	}
	if w.format == cli.JSON {
		return cli.WriteJSON(w.out, e)
	}
	amount := e.Amount
	if amount == "" {
		amount = "full"
	}
	text := fmt.Sprintf("  %s  %s/%s  %s %s", e.RefundID, e.Provider, e.PaymentID, amount, e.Currency)
	if e.ReasonCode != "" {
		text += "  " + e.ReasonCode
	}
	state := w.screen.State(refund.State(cli.OneLine(e.State))) + strings.Repeat(" ", max(0, len(refund.Succeeded)-len(e.State)))
	_, err = fmt.Fprintln(w.out, w.screen.Line(cli.OneLine(e.At)+"  "+state+cli.OneLine(text)))
	return err
}
