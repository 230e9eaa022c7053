package tasks

import (
	"strconv"

	"refundworker/journal"
	"refundworker/refund"
)

// foresee says why the journal would refuse an order whose payment has these
// refunds; nil where it would take it in. The journal alone decides, by the same
// rules in take.lua: this is what a dry run shows.
func (in intake) foresee(o refund.Order, siblings []*journal.Record) *journal.Refusal {
	var held *journal.Record
	var live []*journal.Record
	total := o.Total.Minor
	for _, s := range siblings {
		if !s.Counts() {
			continue
		}
		if s.Currency != o.Amount.Currency {
			return &journal.Refusal{Rule: "currency", Detail: "earlier refunds of this payment are in " + string(s.Currency)}
		}
		live = append(live, s)
		if s.Total != nil && (total == 0 || *s.Total < total) {
			total = *s.Total
		}
		if s.HoldsWindow() && (o.Full || s.Full() || *s.Amount == o.Amount.Minor) && (held == nil || held.State.Terminal()) {
			held = s
		}
	}
	switch {
	case held != nil:
		why := &journal.Refusal{Rule: "duplicate", ExistingID: held.ID, ExistingState: string(held.State)}
		if held.State.Terminal() {
			why.WindowEnds = strconv.FormatInt(held.WindowEnds.UnixMilli(), 10)
		}
		return why
	case len(live) > 0 && in.providers[o.Provider].OneRefundPerPayment:
		return &journal.Refusal{Rule: "one_refund_per_payment", Detail: "the payment has a refund already"}
	case total == 0:
		return nil
	}
	left := total
	for _, s := range live {
		left -= reserved(s, total)
	}
	if o.Amount.Minor > left || o.Full && left <= 0 && len(live) > 0 {
		return &journal.Refusal{Rule: "payment_total", Detail: "all refunds of the payment would be more than its total"}
	}
	return nil
}

// reserved is what a refund holds of its payment's total, in minor units.
func reserved(s *journal.Record, total int64) int64 {
	if s.Moved != nil && (*s.Moved > 0 || s.Contradicted == "") {
		return *s.Moved
	}
	if asked, known := s.Send(); known {
		return asked
	}
	return total
}
