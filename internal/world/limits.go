package world

import (
	"errors"
	"fmt"
	"strings"

	"refundworker/journal"
	"refundworker/refund"
)

// checkLimits holds what was sent to the limits of its provider, as they are
// configured: what nobody approved is within each of them.
func (w *World) checkLimits(records map[string]*journal.Record) error {
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	days, counts := map[string]int64{}, map[string]int{}
	for id, rec := range records {
		if rec.ApprovedBy != "" && strings.EqualFold(rec.ApprovedBy, rec.RequestedBy) {
			wrong("refund %s was approved by %s, who asked for it", id, rec.ApprovedBy)
		}
		if rec.ReasonCode == journal.NeedsApproval && rec.Attempts > 0 {
			wrong("refund %s waits for an approval after %d attempts", id, rec.Attempts)
		}
		p, _ := w.Config.Provider(rec.Provider)
		l := p.Limits
		if rec.Attempts == 0 || rec.ApprovedBy != "" {
			continue
		}
		amount, known := rec.Send()
		if (l.PerRefund != nil || l.PerDay != nil) && (!known || l.Foreign(rec.Currency)) {
			wrong("refund %s was sent without an approval, and its amount can't be held to the limits", id)
		}
		if l.PerRefund != nil && amount > l.PerRefund.In(rec.Currency) {
			wrong("refund %s of %d was sent without an approval", id, amount)
		}
		if rec.State == refund.Declined || rec.State == refund.Canceled {
			continue
		}
		if place := rec.Provider + ":" + rec.PaymentID; l.PerPaymentCount != nil {
			if counts[place]++; counts[place] > *l.PerPaymentCount {
				wrong("%d refunds of payment %s were sent without an approval", counts[place], place)
			}
		}
		if l.PerDay != nil {
			if rec.Day == "" {
				wrong("refund %s was sent and counts into no day", id)
			}
			day := rec.Provider + " " + string(rec.Currency) + " " + rec.Day
			if days[day] += amount; days[day] > l.PerDay.In(rec.Currency) {
				wrong("%d were sent on the day %s without an approval", days[day], day)
			}
		}
	}
	return errors.Join(faults...)
}
