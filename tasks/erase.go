package tasks

import (
	"context"
	"errors"
	"fmt"

	"refundworker/journal"
	"refundworker/refund"
)

// Erase removes a person's data from a settled refund: the whole receipt, the
// reason and the metadata, from its record, its finished task, the index and its
// events. What was refunded to which payment stays, and so does the digest: the
// same request again is still the same refund. The history says who erased it
// and why, without what it was.
//
// The record comes last: after a crash anywhere before, doing it again finishes
// it, and doing it again afterwards changes nothing. An event that is not found
// is told once the rest is erased (journal.ErrEventMissing), and not again.
func (o *Operator) Erase(ctx context.Context, id, by, note string) (*journal.Record, error) {
	if err := named(by); err != nil {
		return nil, err
	}
	rec, err := o.get(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !rec.State.Terminal():
		return rec, fmt.Errorf("%w: refund %s is %s and still needs what it was asked with; wait until it has settled, or cancel or resolve it", ErrNotPossible, id, rec.State)
	case note == "":
		return rec, refund.Invalid{{Field: "note", Rule: "is required: say who asked for it, without naming the customer"}}
	}
	if err := o.backend.queue.erase(rec); err != nil {
		return rec, err
	}
	err = o.backend.Journal.EraseEvents(ctx, rec)
	missing := errors.Is(err, journal.ErrEventMissing)
	if err != nil && !missing {
		return rec, err
	}
	if !rec.HoldsPersonalData() && !rec.Erased.IsZero() {
		return rec, nil
	}
	rec, failed := o.apply(ctx, rec, rec.Erase(by, note))
	if failed == nil && missing {
		failed = fmt.Errorf("all else of refund %s is erased, but %w", id, err)
	}
	return rec, failed
}
