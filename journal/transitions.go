package journal

import "refundworker/refund"

// transitions lists where each state may lead. A step that is not listed is a
// programming error and is refused before it reaches Redis.
var transitions = map[refund.State][]refund.State{
	// Declined: the baseline showed more asked than left, with nothing unproven.
	// Unknown: a fresh look before a repeated attempt no longer proved that
	// nothing had moved.
	refund.Queued:   {refund.Sending, refund.Declined, refund.Review, refund.Canceled, refund.Unknown},
	refund.Sending:  {refund.Succeeded, refund.Accepted, refund.Declined, refund.Queued, refund.Unknown, refund.Review},
	refund.Unknown:  {refund.Succeeded, refund.Accepted, refund.Queued, refund.Declined, refund.Review},
	refund.Accepted: {refund.Succeeded, refund.Declined, refund.Review},
	refund.Review:   {refund.Succeeded, refund.Declined, refund.Queued},
}

func allowed(from, to refund.State) bool {
	if from == to {
		return true
	}
	for _, next := range transitions[from] {
		if next == to {
			return true
		}
	}
	return false
}
