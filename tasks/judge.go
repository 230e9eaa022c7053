package tasks

import (
	"fmt"

	"refundworker/journal"
)

// verdict is what a look at the provider proves about an unknown attempt.
type verdict int

const (
	askAgain     verdict = iota // nothing yet
	moved                       // the total rose by exactly this amount
	requested                   // so it did, but part of it is only requested
	nothingMoved                // it did not rise, for as long as the provider may take
	refusedRight                // it did not rise, and what is left explains the refusal
	notProven                   // it can't be told
)

// evidence is all that judging takes.
type evidence struct {
	rec     *journal.Record
	total   *int64 // refunded and requested now; nil: the provider can't tell
	pending int64  // of it, requested only
	left    *int64 // refundable
	settled bool   // the settling time is over
	lookups int    // before this one, since the attempt

	pendingOther bool // another refund of the payment is accepted and not settled
	takenBack    bool // another one that was accepted has been rejected since the attempt
}

// judge compares what the provider counts with the attempt's baseline. It is
// pure: the same evidence gives the same verdict.
func judge(e evidence) (verdict, string) {
	amount, known := e.rec.Send()
	if e.total == nil || e.rec.Baseline == nil || !known {
		if !e.settled {
			return askAgain, "the provider can't tell yet whether money moved"
		}
		return notProven, "the provider can't tell whether money moved"
	}
	rise := *e.total - *e.rec.Baseline
	switch {
	case rise == amount && e.pending > 0:
		return requested, fmt.Sprintf("the payment's total rose by %s, which the provider works on", e.rec.Money(amount))
	case rise == amount:
		return moved, fmt.Sprintf("the payment's refunded total rose by %s", e.rec.Money(amount))
	case rise == 0 && e.rec.Refused && !e.rec.Lost && e.rec.BasePending == 0 && e.left != nil && *e.left < amount:
		return refusedRight, fmt.Sprintf("refused, nothing moved, and only %s is left to refund", e.rec.Money(*e.left))
	case rise == 0 && !e.settled:
		return askAgain, "the payment's total has not risen"
	case rise == 0 && e.rec.Known:
		return notProven, "the provider has the request, but the payment's total has not risen"
	case rise == 0 && e.lookups < 1:
		return askAgain, "the payment's total has not risen, and was asked only once"
	case rise == 0 && e.rec.BasePending > 0:
		// Whoever requested it: if it was rejected, the total fell by as much as the
		// attempt may have added.
		return notProven, fmt.Sprintf("the payment's total has not risen, but before the attempt %s of it was only requested and may have been rejected", e.rec.Money(e.rec.BasePending))
	case rise == 0 && e.takenBack:
		return notProven, "the payment's total has not risen, but another refund of it was rejected meanwhile"
	case rise == 0 && e.pendingOther:
		return askAgain, "the payment's total has not risen, but another refund of it may still be rejected"
	case rise == 0:
		return nothingMoved, "the payment's total did not rise over the settling time"
	case !e.settled:
		return askAgain, "the payment's total changed by another amount"
	}
	return notProven, fmt.Sprintf("the payment's total changed by another amount than %s", e.rec.Money(amount))
}
