package web

import (
	"refundworker/journal"
	"refundworker/refund"
)

// Form is one of the forms about a refund.
func (d Dossier) Form(action, ask string) form { return form{d, action, ask} }

// form is what a template needs to show a form again after it was not accepted.
type form struct {
	D           Dossier
	Action, Ask string
}

func (f form) failed() *failed {
	if bad := f.D.Decide.Failed; bad != nil && bad.Action == f.Action {
		return bad
	}
	return &failed{}
}

// Open reports whether this is the form that was not accepted.
func (f form) Open() bool { return f.failed().Action != "" }

// Typed is what was typed into a field.
func (f form) Typed(field string) string { return f.failed().Typed[field] }

// On is what is wrong with a field.
func (f form) On(field string) fault {
	return fault{"fault-" + f.Action + "-" + field + "-" + f.D.View.RefundID, f.failed().Faults[field]}
}

// fault is what is wrong with a field of a form; Rule is empty if nothing is.
type fault struct{ ID, Rule string }

// Chosen reports whether a value was chosen.
func (f form) Chosen(field, value string) bool { return f.Typed(field) == value }

// decision says which forms are offered, and what was typed into one that was
// not accepted.
type decision struct {
	Resolve, Retry, Approve, Cancel bool
	Partial                         bool // the amount that moved is needed
	DeclinedOnly                    bool
	Amount                          string // what a succeeded one moves unless said otherwise
	Failed                          *failed
}

// decisionOf offers what tasks.Operator would do; it has the last word.
func decisionOf(rec *journal.Record) decision {
	d := decision{Partial: rec.Partial}
	if minor, ok := rec.Send(); ok {
		d.Amount = rec.Money(minor)
	}
	switch {
	case rec.WaitsForApproval():
		d.Approve, d.Resolve, d.DeclinedOnly = !rec.TakenOn(), true, rec.NothingSent()
	case rec.State == refund.Review:
		d.Resolve, d.Retry = true, !rec.Partial
	case rec.State == refund.Queued:
		d.Cancel = !rec.Unproven
	}
	return d
}
