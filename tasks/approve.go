package tasks

import (
	"context"
	"fmt"
	"strings"

	"refundworker/journal"
	"refundworker/refund"
)

// Approve lets a refund go that is beyond its provider's limits, by the word of
// a person other than the one who asked for it. Everything else that holds for a
// refund holds for this one: its window, the order within its payment, and what
// the provider says is left.
func (o *Operator) Approve(ctx context.Context, id, by, note string) (*journal.Record, error) {
	by = strings.TrimSpace(by)
	if err := named(by); err != nil {
		return nil, err
	}
	rec, err := o.get(ctx, id)
	if err != nil {
		return rec, err
	}
	switch {
	case !rec.WaitsForApproval() && rec.ApprovedBy != "":
		return rec, fmt.Errorf("%w: refund %s is %s, %s has approved it already", ErrNotPossible, id, rec.State, rec.ApprovedBy)
	case !rec.WaitsForApproval():
		return rec, fmt.Errorf("%w: refund %s is %s, and only one that waits for an approval can be approved", ErrNotPossible, id, rec.State)
	case rec.TakenOn():
		return rec, fmt.Errorf("%w: the provider has shown that it has a request of refund %s: look it up there, and resolve it", ErrNotPossible, id)
	case rec.AskedBy(by):
		return rec, refund.Invalid{{Field: "by", Rule: "must be another person than " + rec.RequestedBy + ", who asked for the refund"}}
	case note == "":
		return rec, refund.Invalid{{Field: "note", Rule: "is required: say why"}}
	}
	rec, err = o.apply(ctx, rec, rec.Approve(by, note))
	if err != nil {
		return rec, err
	}
	return rec, o.Rouse(ctx, rec)
}
