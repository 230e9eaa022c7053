package tasks

import (
	"context"
	"fmt"
	"maps"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/retry"
)

// lostCode is the code of an attempt whose worker died or froze.
const lostCode = "worker_lost"

// abandoned takes over an attempt whose deadline passed without a word from the
// worker that made it. Nothing of it can leave any more; whether it arrived is
// not known.
func (p *Processor) abandoned(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	o := providers.Outcome{Kind: providers.Unknown, Code: lostCode, Message: "the worker that made the attempt said nothing by its deadline"}
	s := journal.Step{By: p.By, Note: said(rec.Attempts, o), Ended: rec.EndAttempt(rec.Deadline, o.Kind.String(), o.Code, o.Message, nil),
		Set: map[string]string{"deadline": "", "attempt_end": number(rec.Deadline.UnixMilli())}}
	if !rec.WallStart.IsZero() {
		s.Set["end_wall"] = number(rec.WallStart.Add(rec.Deadline.Sub(rec.AttemptStart())).UnixMilli())
	}
	p.Observer.Attempted(a.Name, o.Kind.String())
	s = p.unknown(a, rec, s, o)
	s.Due = rec.Deadline.Add(a.Reconcile.First).Sub(rec.Now)
	return p.Journal.Apply(ctx, rec, s)
}

// reconcile asks the provider about an attempt of which nobody knows whether
// money moved, and acts on what that proves.
func (p *Processor) reconcile(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	if rec.ProviderRefundID != "" {
		if statuser, ok := a.API.(providers.RefundStatuser); ok {
			return p.follow(ctx, a, rec, statuser)
		}
	}
	got, put, err := p.look(ctx, a, rec)
	if put != nil || err != nil {
		return put, err
	}
	anew := map[string]string{}
	p.settleAnew(rec, anew)
	e := evidence{rec: rec, total: got.total, left: got.status.Refundable, lookups: rec.Lookups,
		settled: p.settlingLeft(rec, a.Reconcile.Settle) <= 0, pending: got.pending()}
	if v, _ := judge(e); v == nothingMoved {
		if e.pendingOther, e.takenBack, err = p.doubt(ctx, a, rec); err != nil {
			return rec, err
		}
	}
	step := p.act(a, rec, e)
	if v, note := judge(e); rec.Restored && (v == moved || v == requested) {
		// What the backup forgot may have moved it as well.
		step = toReview(p.By, "after_restore", note+", but the journal was restored and may not know of other refunds")
	}
	if step.To == "" && p.gaveUp(rec, got.pass) {
		return p.review(ctx, rec, "gave_up", "still unknown "+p.Policy.GiveUpAfter.String()+" after the first attempt")
	}
	if step.To == "" {
		maps.Copy(step.Set, anew)
	}
	return p.Journal.Apply(ctx, rec, step)
}

// act turns a verdict into the refund's next step.
func (p *Processor) act(a Account, rec *journal.Record, e evidence) journal.Step {
	v, note := judge(e)
	s := journal.Step{By: p.By, Note: note, Set: map[string]string{"lookups": number(rec.Lookups + 1), "fails": "", "denied": ""}}
	amount, _ := rec.Send()
	switch v {
	case moved:
		s.To, s.NoDue = refund.Succeeded, true
		s.Note += ": proven by the total"
		s.Set["moved"], s.Set["by_total"], s.Set["reason_code"] = number(amount), "1", "proven_by_total"
	case requested:
		s.To, s.Due = refund.Accepted, retry.Poll(a.Poll.Initial, a.Poll.Max, 0, p.Random)
		s.Set["by_total"], s.Set["lookups"], s.Set["why"] = "1", "", "the provider works on it"
	case refusedRight:
		s.To, s.NoDue = refund.Declined, true
		s.Set["reason_code"] = "exceeds_refundable"
	case nothingMoved:
		return p.again(rec, s, a.Reconcile.MaxResends)
	case notProven:
		return p.unproven(a, rec, s)
	default:
		s.Note = ""
		since := a.Reconcile.Settle - p.settlingLeft(rec, a.Reconcile.Settle)
		s.Due = p.Policy.NextLookup(a.Reconcile.First, a.Reconcile.Settle, rec.Lookups+1, since)
		if e.settled && rec.Lookups == 0 {
			s.Due = a.Reconcile.First // the settling time passed before anybody asked
		}
		s.Set["why"] = fmt.Sprintf("attempt %d is unknown: %s; asked %d times", rec.Attempts, note, rec.Lookups+1)
	}
	return s
}

// again queues a refund whose attempt provably did nothing, as often as allowed.
func (p *Processor) again(rec *journal.Record, s journal.Step, maxResends int) journal.Step {
	s.Set["lookups"], s.Set["refused"] = "", ""
	switch {
	case rec.Refused && rec.Tries < refusalTries:
		s.To, s.Due = refund.Queued, p.Policy.Backoff(providers.Unknown, rec.Tries, 0, p.Random)
		s.Set["tries"], s.Set["why"] = number(rec.Tries+1), "refused for a reason that the provider does not explain; trying again"
	case !rec.Refused && rec.Resends < maxResends:
		s.To = refund.Queued
		s.Set["resends"], s.Set["why"] = number(rec.Resends+1), "nothing moved; sending again"
	case rec.Refused:
		return toReview(p.By, "refused", fmt.Sprintf("refused %d times for a reason that the provider does not explain%s", rec.Tries+1, inBrackets(rec.AttemptCode())))
	default:
		return toReview(p.By, "not_proven", "nothing moved, and it was sent again as often as allowed")
	}
	return s
}

func inBrackets(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

// unproven handles an attempt about which nothing can be proven. Where the
// provider itself refuses to pay the same amount twice within a time, a partial
// refund may be sent again in the safe part of that time; else a person decides.
func (p *Processor) unproven(a Account, rec *journal.Record, s journal.Step) journal.Step {
	guard, ok := a.API.(providers.SameAmountGuard)
	if ok && !rec.Full() && !rec.Known && rec.Resends < a.Reconcile.MaxResends &&
		p.guardLeft(rec, guard.SameAmountGuard()-guardMargin) > 0 {
		s.To = refund.Queued
		s.Note += ": sending again, because the provider refuses to pay the same amount twice"
		s.Set["guarded"], s.Set["resends"], s.Set["lookups"], s.Set["refused"] = "1", number(rec.Resends+1), "", ""
		s.Set["why"] = "not proven; sending again under the provider's own guard"
		return s
	}
	return toReview(p.By, "not_proven", s.Note)
}
