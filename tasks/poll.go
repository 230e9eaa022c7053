package tasks

import (
	"context"
	"errors"
	"fmt"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
)

// follow asks about a refund by the provider's own id of it.
func (p *Processor) follow(ctx context.Context, a Account, rec *journal.Record, statuser providers.RefundStatuser) (*journal.Record, error) {
	status, pass, put, err := p.byID(ctx, a, rec, statuser)
	if put != nil || err != nil {
		return put, err
	}
	if status.Unsupported {
		return p.pollTotal(ctx, a, rec)
	}
	step := p.progressed(a, rec, status)
	if (step.To == "" || step.To == refund.Accepted) && p.gaveUp(rec, pass) {
		return p.review(ctx, rec, "gave_up", "the provider did not finish it in "+p.Policy.GiveUpAfter.String())
	}
	return p.Journal.Apply(ctx, rec, step)
}

// byID asks the provider about a refund by its own id of it. A lookup that does
// not exist gives the zero status, which is unclear. When the answer is to wait,
// put is the refund as put off.
func (p *Processor) byID(ctx context.Context, a Account, rec *journal.Record, statuser providers.RefundStatuser) (status providers.RefundStatus, pass pause.Pass, put *journal.Record, err error) {
	if pass, err = p.gate(ctx, a); err != nil {
		return status, pass, rec, err
	}
	call, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	call, span := p.lookupSpan(call, rec)
	asking := p.Now()
	status, err = statuser.RefundStatus(call, rec.ProviderRefundID)
	rec.Took = p.Now().Sub(asking)
	endLookup(span, err)
	var failed *providers.LookupError
	switch {
	case errors.As(err, &failed) && !failed.Unsupported:
		put, err = p.failedLookup(ctx, a, rec, failed, pass)
		return status, pass, put, err
	case err != nil && failed == nil:
		p.report(ctx, a, pause.Nothing().Of(pass))
		return status, pass, rec, err
	}
	p.report(ctx, a, pause.Answered().Of(pass))
	status.Unsupported = failed != nil
	return status, pass, nil, nil
}

// progressed turns the provider's word about one refund into the next step.
func (p *Processor) progressed(a Account, rec *journal.Record, status providers.RefundStatus) journal.Step {
	s := journal.Step{By: p.By, Note: "the provider says " + status.Raw, Set: map[string]string{"lookups": number(rec.Lookups + 1), "fails": "", "denied": ""}}
	asked, known := rec.Send()
	switch status.Progress {
	case providers.Done:
		if known && status.Minor != nil && *status.Minor != asked {
			s := toReview(p.By, "amount_differs", fmt.Sprintf("the provider says that it paid %s, and %s was sent", rec.Money(*status.Minor), rec.Money(asked)))
			s.Set["moved"], s.Set["partial"] = number(*status.Minor), "1"
			return s
		}
		s.To, s.NoDue = refund.Succeeded, true
		if status.Minor != nil {
			s.Set["moved"] = number(*status.Minor)
		} else if known {
			s.Set["moved"] = number(asked)
		}
		s.Set["reason_code"] = ""
	case providers.Rejected:
		if rec.Unproven {
			return toReview(p.By, "rejected", "the provider rejected this attempt, but an earlier one is not proven")
		}
		s.To, s.NoDue = refund.Declined, true
		s.Set["reason_code"], s.Set["settled_wall"] = "rejected", p.wall()
	case providers.Manual:
		return toReview(p.By, "manual", "the provider can't process it automatically; a person there must act")
	default:
		s.Note = ""
		if rec.State == refund.Unknown && status.Progress == providers.Pending {
			s.To, s.Note = refund.Accepted, "the provider works on it"
		}
		s.Due = retry.Poll(a.Poll.Initial, a.Poll.Max, rec.Lookups+1, p.Random)
		s.Set["why"] = "the provider works on it"
	}
	return s
}

// poll asks about a refund that the provider has accepted.
func (p *Processor) poll(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	if statuser, ok := a.API.(providers.RefundStatuser); ok && rec.ProviderRefundID != "" {
		return p.follow(ctx, a, rec, statuser)
	}
	return p.pollTotal(ctx, a, rec)
}

// pollTotal asks about an accepted refund by the payment's total, where there is
// no id to ask by, or no lookup for it.
func (p *Processor) pollTotal(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	got, put, err := p.look(ctx, a, rec)
	if put != nil || err != nil {
		return put, err
	}
	e := evidence{rec: rec, total: got.total, pending: got.pending()}
	// It gave no id to ask by, so only the total tells, and only success: what
	// has not risen yet may still rise.
	switch v, note := judge(e); {
	case v == moved && rec.Restored:
		return p.review(ctx, rec, "after_restore", note+", but the journal was restored and may not know of other refunds")
	case v == moved:
		amount, _ := rec.Send()
		return p.Journal.Apply(ctx, rec, journal.Step{To: refund.Succeeded, NoDue: true, By: p.By, Note: note + ": proven by the total",
			Set: map[string]string{"moved": number(amount), "by_total": "1", "reason_code": "proven_by_total"}})
	case rec.ByTotal && v != requested && got.total != nil:
		return p.review(ctx, rec, "not_proven", "the provider counted it as requested, and does not any more")
	case p.gaveUp(rec, got.pass):
		return p.review(ctx, rec, "gave_up", "the provider did not finish it in "+p.Policy.GiveUpAfter.String())
	}
	return p.Journal.Apply(ctx, rec, journal.Step{Due: retry.Poll(a.Poll.Initial, a.Poll.Max, rec.Lookups+1, p.Random), By: p.By,
		Set: map[string]string{"lookups": number(rec.Lookups + 1), "fails": "", "denied": "", "why": "the provider works on it, and gave no id to ask by"}})
}
