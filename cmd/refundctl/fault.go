package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// fault is what scripts are told where a refund can't be shown or changed.
type fault struct {
	RefundID     string         `json:"refund_id"`
	Status       string         `json:"status"` // not_found, duplicate, invalid, not_possible, error
	State        refund.State   `json:"state,omitempty"`
	Rule         string         `json:"rule,omitempty"`
	ExistingID   string         `json:"existing_id,omitempty"`
	WindowEndsAt *time.Time     `json:"window_ends_at,omitempty"`
	Message      string         `json:"message"`
	Faults       refund.Invalid `json:"faults,omitempty"`
}

// fail ends a command about one refund. rec is the refund as it is, if known.
func fail(ctx context.Context, s *cli.Session, w io.Writer, f cli.Format, id string, rec *journal.Record, err error) error {
	said := fault{RefundID: id, Status: "error"}
	var refused *journal.RefusedError
	var invalid refund.Invalid
	switch {
	case errors.As(err, &refused):
		said.Status, said.Rule, said.ExistingID = "invalid", refused.Refusal.Rule, refused.Refusal.ExistingID
		if said.ExistingID != "" {
			said.Status = "duplicate"
		}
		if ends := refused.Refusal.WindowEndsAt(); !ends.IsZero() {
			said.WindowEndsAt = &ends
		}
		text := refused.Error() + ", and was never taken in"
		if refused.Refusal.Detail != "" {
			text += ": " + refused.Refusal.Detail
		}
		err = errors.New(text)
	case errors.Is(err, journal.ErrNotFound):
		said.Status = "not_found"
		err = fmt.Errorf("no refund %q is known", id)
	case errors.As(err, &invalid):
		said.Status, said.Rule, said.Faults = "invalid", invalid[0].Field, invalid
	case errors.Is(err, tasks.ErrNotPossible):
		said.Status = "not_possible"
	default:
		err = s.Explain(ctx, err)
	}
	if rec != nil {
		said.State = rec.State
	}
	said.Message = err.Error()
	if f == cli.JSON {
		if writeErr := cli.WriteJSON(w, said); writeErr != nil {
			err = errors.Join(err, writeErr)
		}
	}
	return &cli.Exit{Status: cli.StatusOf(err), Err: err}
}
