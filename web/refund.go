package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

// maxHistory bounds the entries of a history that a page shows, the newest ones:
// a provider may call back for days.
const maxHistory = 200

type refundPage struct {
	frame
	Dossier
	Siblings []journal.View // of the payment, this one left out
	Others   int            // how many there are
	Receipt  *refund.Receipt
	Metadata []pair
	History  []journal.Entry
	Earlier  int // entries before those that are shown
	Attempts []attempt
	Bulk     bool
}

type pair struct{ Key, Value string }

// attempt is one call of the refund endpoint, in words.
type attempt struct {
	journal.Attempt
	Sent, Baseline string // major units; empty where not known
	Took           string
	Parts          []part
}

type part struct {
	What, Amount, Reference string
	Moved                   bool
}

// Dossier is what a person needs to decide about a refund.
type Dossier struct {
	View      journal.View
	Seq       int64
	Story     story
	Guide     guide
	Evidence  []pair
	Parts     []part
	Decide    decision
	CSRF      string
	By        string // who decides; empty: the form asks
	Allowed   bool   // to decide
	AsOf      time.Time
	Back      string // where to go after a decision
	Requested *journal.RetryRequest
}

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

func (s *Site) refund(w http.ResponseWriter, r *http.Request) { s.showRefund(w, r, http.StatusOK, nil) }

func (s *Site) showRefund(w http.ResponseWriter, r *http.Request, status int, bad *failed) {
	id := r.PathValue("id")
	if !refund.ValidID(id) {
		s.sorry(w, r, http.StatusNotFound, "That is no refund id: it has 1 to 64 of A-Z a-z 0-9 . _ -")
		return
	}
	rec, err := s.backend.Journal.Get(r.Context(), id)
	if err != nil {
		s.fail(w, r, id, err)
		return
	}
	page := refundPage{frame: s.frame(r, "Refund "+id, "refunds"), Bulk: rec.Bulk, Receipt: rec.Receipt.Masked()}
	page.Faults = bad != nil
	if page.Dossier, err = s.dossier(r.Context(), page.frame, rec, "refund"); err != nil {
		s.fail(w, r, id, err)
		return
	}
	page.Decide.Failed = bad
	page.Metadata = sorted(rec.MetadataMap())
	if page.History, err = s.backend.Journal.History(r.Context(), rec); err != nil {
		s.fail(w, r, id, err)
		return
	}
	if page.Earlier = max(len(page.History)-maxHistory, 0); page.Earlier > 0 {
		page.History = page.History[page.Earlier:]
	}
	for i, h := range page.History {
		page.History[i].Note = rec.Receipt.Hide(h.Note)
	}
	if page.Attempts, err = attemptsOf(rec); err != nil {
		s.fail(w, r, id, err)
		return
	}
	siblings, n, err := s.backend.Journal.PaymentPage(r.Context(), rec.Provider, rec.PaymentID, 0, perPage)
	if err != nil {
		s.fail(w, r, id, err)
		return
	}
	for _, other := range siblings {
		if other.ID != id {
			page.Siblings = append(page.Siblings, view(other))
		}
	}
	page.Others = max(n-1, 0)
	s.show(w, status, "refund", page)
}

// view is a refund as lists show it.
func view(rec *journal.Record) journal.View {
	v := rec.View()
	v.Waiting, v.Reason = rec.Receipt.Hide(v.Waiting), rec.Receipt.Hide(v.Reason)
	return v
}

// dossier gathers what is known of a refund.
func (s *Site) dossier(ctx context.Context, f frame, rec *journal.Record, back string) (Dossier, error) {
	p, _ := s.cfg.Provider(rec.Provider)
	d := Dossier{View: view(rec), Seq: rec.Seq, Guide: guideOf(rec), CSRF: f.Token, By: f.Person, Allowed: f.MayAct, AsOf: rec.Now, Back: back, Requested: rec.Request}
	if seen, err := s.counts.get(ctx, s); err == nil {
		d.Story = tell(rec, p, seen.pauses[rec.Provider])
	} else {
		return d, err
	}
	attempts, err := attemptsOf(rec)
	if err != nil {
		return d, err
	}
	d.Evidence = evidence(rec, attempts)
	if len(attempts) > 0 {
		d.Parts = attempts[len(attempts)-1].Parts
	}
	d.Decide = decisionOf(rec)
	return d, nil
}

// decisionOf offers what tasks.Operator would do; it has the last word.
func decisionOf(rec *journal.Record) decision {
	d := decision{Partial: rec.Partial}
	if minor, ok := rec.Send(); ok {
		d.Amount = rec.Money(minor)
	}
	switch {
	case rec.WaitsForApproval():
		d.Approve, d.Resolve, d.DeclinedOnly = !rec.TakenOn(), true, !rec.TakenOn()
	case rec.State == refund.Review:
		d.Resolve, d.Retry = true, !rec.Partial
	case rec.State == refund.Queued:
		d.Cancel = !rec.Unproven
	}
	return d
}

// evidence lists the figures that speak for or against a refund having moved
// money.
func evidence(rec *journal.Record, attempts []attempt) []pair {
	var list []pair
	add := func(key, value string) {
		if value != "" {
			list = append(list, pair{key, value})
		}
	}
	currency := " " + string(rec.Currency)
	if rec.Full() && rec.Frozen != nil {
		add("All of it came to", rec.Money(*rec.Frozen)+currency)
	}
	if rec.Moved != nil {
		add("Moved, as far as known", rec.Money(*rec.Moved)+currency)
	}
	if rec.Baseline != nil {
		add("Refunded before, by the provider's count", rec.Money(*rec.Baseline)+currency)
	} else if rec.Attempts > 0 {
		add("Refunded before, by the provider's count", "not known: the provider did not say, so nothing can be proved by its total")
	}
	if rec.Total != nil {
		add("The payment's total, as stated", rec.Money(*rec.Total)+currency)
	}
	add("The provider's refund id", rec.ProviderRefundID)
	if n := len(attempts); n > 0 {
		a := attempts[n-1]
		said := a.Outcome
		if a.Code != "" {
			said += " (" + a.Code + ")"
		}
		if a.Message != "" {
			said += ": " + a.Message
		}
		add("The last attempt", said)
	}
	if rec.Known {
		add("The provider", "has shown that it has the request")
	}
	if rec.Unproven && !rec.State.Terminal() {
		add("Unproven since", stamp(rec.FirstUnproven)+" UTC")
	}
	add("Asked for by", rec.RequestedBy)
	add("Approved by", rec.ApprovedBy)
	return list
}

func attemptsOf(rec *journal.Record) ([]attempt, error) {
	raw, err := rec.AttemptList()
	if err != nil {
		return nil, err
	}
	list := make([]attempt, 0, len(raw))
	for _, a := range raw {
		one := attempt{Attempt: a, Sent: money(rec, a.Minor), Baseline: money(rec, a.Baseline)}
		one.Message = rec.Receipt.Hide(a.Message)
		if !a.EndedAt.IsZero() && !a.StartedAt.IsZero() {
			one.Took = took(a.EndedAt.Sub(a.StartedAt))
		}
		for _, p := range a.Parts {
			one.Parts = append(one.Parts, partOf(rec, p))
		}
		list = append(list, one)
	}
	return list, nil
}

func partOf(rec *journal.Record, p providers.Part) part {
	return part{What: p.Operation, Amount: rec.Money(p.Minor) + " " + string(rec.Currency), Reference: p.Reference, Moved: p.Moved}
}

// money renders minor units as the journal writes them.
func money(rec *journal.Record, minor string) string {
	n, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	return rec.Money(n) + " " + string(rec.Currency)
}

func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return lasts(d)
}

func sorted(m map[string]string) []pair {
	var list []pair
	for k, v := range m {
		list = append(list, pair{k, v})
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.Key, b.Key) })
	return list
}
