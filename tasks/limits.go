package tasks

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

// unlimited reports whether no limit is asked of a refund's next attempt. They
// are asked of the first attempt only, and an approval stands for all of them.
func unlimited(a Account, rec *journal.Record) bool {
	return a.Limits == config.Limits{} || rec.Attempts > 0 || rec.ApprovedBy != ""
}

// beyond says which limits a refund is beyond by itself and by its place among
// the refunds of its payment, and by how much; empty: none. What no one can tell
// is beyond.
func (p *Processor) beyond(ctx context.Context, a Account, rec *journal.Record) (string, error) {
	if unlimited(a, rec) {
		return "", nil
	}
	var why []string
	l := a.Limits
	amount, known := rec.Send()
	switch {
	case l.PerRefund == nil && l.PerDay == nil:
	case l.Foreign(rec.Currency):
		why = append(why, fmt.Sprintf("it is in %s, and the limits are in %s", rec.Currency, l.Currency))
	case !known:
		why = append(why, "it is a full refund whose amount is not known before it is made, and amounts are limited")
	case l.PerRefund != nil && amount > l.PerRefund.In(rec.Currency):
		most := l.PerRefund.In(rec.Currency)
		why = append(why, fmt.Sprintf("%s %s is %s more than per_refund (%s)", rec.Money(amount), rec.Currency, rec.Money(amount-most), rec.Money(most)))
	}
	if l.PerPaymentCount != nil {
		// Read without a lock: it may only be less by now, never more.
		n, err := p.Journal.Rank(ctx, rec)
		if err != nil {
			return "", err
		}
		if n > *l.PerPaymentCount {
			why = append(why, fmt.Sprintf("it is refund %d of its payment, which is %d more than per_payment_count (%d)", n, n-*l.PerPaymentCount, *l.PerPaymentCount))
		}
	}
	return strings.Join(why, "; "), nil
}

// beyondDay counts a refund that beyond has let through into its provider's day,
// which the attempt's fields then name, under the attempt's token, and says by
// how much it is beyond the day's limit; empty: it is not.
func (p *Processor) beyondDay(ctx context.Context, a Account, rec *journal.Record, b journal.Beginning) (string, error) {
	if unlimited(a, rec) || a.Limits.PerDay == nil {
		return "", nil
	}
	limit := a.Limits.PerDay.In(rec.Currency)
	amount, _ := rec.Send()
	day, err := p.Journal.CountDay(ctx, rec, b.Token, amount, limit)
	if err != nil {
		return "", err
	}
	if day.Within {
		b.Set["day"] = day.Day
		return "", nil
	}
	return fmt.Sprintf("%s %s with the %s of today's others (UTC) is %s more than per_day (%s)", rec.Money(amount), rec.Currency,
		rec.Money(day.Others), rec.Money(day.Others+amount-limit), rec.Money(limit)), nil
}

// askApproval has a refund wait for a person's approval. Nothing of it was sent.
func (p *Processor) askApproval(ctx context.Context, rec *journal.Record, why string, err error) (*journal.Record, error) {
	if err != nil {
		return rec, err
	}
	return p.Journal.Apply(ctx, rec, rec.AskApproval(p.By, "needs approval: "+why))
}

// freeDay takes a refund out of its provider's day that settled without money
// moving, or that waits for an approval, with which it does not count.
func freeDay(ctx context.Context, j *journal.Journal, l config.Limits, rec *journal.Record) error {
	if l.PerDay == nil || rec.State != refund.Declined && rec.State != refund.Canceled && !rec.WaitsForApproval() {
		return nil
	}
	return j.FreeDay(ctx, rec)
}

// uncount takes a refund whose first attempt was put off out of its day: it may
// wait for long, and is counted again when its turn comes. The step that put it
// off came first, so whoever counted it before can't begin the attempt any more;
// whoever counts it after did so under another token, and may have sent it.
func (p *Processor) uncount(ctx context.Context, a Account, rec *journal.Record, token string) {
	if unlimited(a, rec) || a.Limits.PerDay == nil {
		return
	}
	if err := p.Journal.UncountDay(ctx, rec, token); err != nil {
		p.Log.Warn("refund counts into today's limit, although its attempt was put off", about(rec, zap.Error(err))...)
	}
}
