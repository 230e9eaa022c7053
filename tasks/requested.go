package tasks

import (
	"context"
	"fmt"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// requested carries out an operator's request to try a refund in review again.
// The provider is asked first, and evidence that money moved, or that it has the
// refund and may still pay it, refuses it.
func (p *Processor) requested(ctx context.Context, a Account, rec *journal.Record) (*journal.Record, error) {
	request := *rec.Request
	refuse := func(why string) (*journal.Record, error) {
		return p.Journal.Apply(ctx, rec, journal.Step{NoDue: true, By: p.By, Note: "retry refused: " + why, Set: map[string]string{"request": ""}})
	}
	rejected := false // the provider said so
	queue := func(why string, risk bool) (*journal.Record, error) {
		set := map[string]string{"request": "", "provider_refund_id": "", "by_total": "", "risk": flag(risk), "guarded": "", "refused": "", "lookups": "", "fails": "", "tries": "", "reason_code": "",
			"why": "an operator asked to try again", "first_attempt": number(rec.Now.UnixMilli())}
		if rec.TakenOn() && !rejected {
			// What the provider has may still be paid, whatever is sent now.
			set["unproven"], set["lost"] = "1", "1"
			firstUnproven(rec, set)
		}
		return p.Journal.Apply(ctx, rec, journal.Step{To: refund.Queued, By: request.By, Note: why + ": " + request.Note, Set: set})
	}
	if rec.Partial {
		return refuse("one part moved already")
	}
	if !rec.Unproven && !rec.TakenOn() {
		if request.AcceptRisk {
			return queue("retry at the operator's risk, nothing unproven", true)
		}
		why, put, err := p.unexplained(ctx, a, rec)
		switch {
		case put != nil || err != nil:
			return put, err
		case why != "":
			return refuse(why + "; --accept-risk would send it all the same")
		}
		return queue("retry, nothing unproven", false)
	}
	if other, err := p.unprovenSibling(ctx, rec); err != nil || other != "" {
		if err != nil {
			return rec, err
		}
		return refuse("refund " + other + " of the same payment is not proven; decide that one first")
	}
	if rec.Account != "" && rec.Account != a.Fingerprint {
		return refuse("the configuration names another account than the one that it was sent to; put that one back first")
	}
	known := rec.TakenOn() // what the provider has can't be proven not to have happened
	if statuser, ok := a.API.(providers.RefundStatuser); ok && rec.ProviderRefundID != "" {
		status, _, put, err := p.byID(ctx, a, rec, statuser)
		if put != nil || err != nil {
			return put, err
		}
		switch status.Progress {
		case providers.Done:
			step := p.progressed(a, rec, status)
			step.Set["request"] = ""
			return p.Journal.Apply(ctx, rec, step)
		case providers.Pending, providers.Manual:
			return refuse("the provider has it, and says " + status.Raw)
		case providers.Rejected:
			rejected = true
			if !rec.Unproven {
				return queue("retry, the provider rejected it as refund "+rec.ProviderRefundID, false)
			}
			known = rec.Known // an earlier attempt is what is not proven
		}
	}
	set := map[string]string{"why": "retry asked by " + request.By + ": the settling time is not over"}
	p.settleAnew(rec, set)
	if left := p.settlingLeft(rec, a.Reconcile.Settle); left > 0 {
		return p.Journal.Apply(ctx, rec, journal.Step{Due: left, Set: set, By: p.By})
	}
	got, put, err := p.look(ctx, a, rec)
	if put != nil || err != nil {
		return put, err
	}
	looked := *rec
	looked.Known = known
	e := evidence{rec: &looked, total: got.total, settled: true, lookups: 1, pending: got.pending()}
	if v, _ := judge(e); v == nothingMoved {
		if e.pendingOther, e.takenBack, err = p.doubt(ctx, a, rec); err != nil {
			return rec, err
		}
	}
	switch v, note := judge(e); {
	case v == moved || v == requested:
		return refuse(note)
	case v == nothingMoved:
		return queue("retry, "+note, false)
	case request.AcceptRisk:
		return queue("retry at the operator's risk, "+note, true)
	default:
		return refuse(note + "; --accept-risk would send it all the same")
	}
}

// unexplained asks the provider about a refund in review of which no attempt is
// unproven, and says what speaks against sending it: money that moved on the
// payment and that the journal does not know of may have been this refund, given
// back by other hands or before a backup. Empty: nothing does.
func (p *Processor) unexplained(ctx context.Context, a Account, rec *journal.Record) (why string, put *journal.Record, err error) {
	got, put, err := p.look(ctx, a, rec)
	if put != nil || err != nil {
		return "", put, err
	}
	if got.total == nil {
		if rec.Restored || rec.ReasonCode == "after_restore" {
			return "the provider can't tell what moved before the backup", nil, nil
		}
		return "", nil, nil
	}
	siblings, err := p.Journal.ByPayment(ctx, rec.Provider, rec.PaymentID)
	if err != nil {
		return "", nil, err
	}
	var ours, since int64 // moved by other refunds: in all, and since the last attempt
	for _, s := range siblings {
		if s.ID == rec.ID || s.Moved == nil || s.State != refund.Succeeded || s.Contradicted != "" {
			continue
		}
		ours += *s.Moved
		if s.Settled.After(rec.AttemptEnd) {
			since += *s.Moved
		}
	}
	if *got.total == ours || rec.Attempts > 0 && rec.Baseline != nil && *got.total == *rec.Baseline+since {
		return "", nil, nil
	}
	return fmt.Sprintf("the provider counts %s of the payment as refunded or requested, and the journal knows of %s", rec.Money(*got.total), rec.Money(ours)), nil, nil
}
