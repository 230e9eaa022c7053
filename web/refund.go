package web

import (
	"net/http"

	"refundworker/journal"
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
	Metadata []given
	History  []journal.Entry
	Earlier  int // entries before those that are shown
	Attempts []attempt
	Bulk     bool
}

// given is a value of metadata as the page shows it.
type given struct {
	pair
	Whole bool // nothing of it is masked: it can be searched for
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
	for _, p := range sorted(rec.MetadataMap()) {
		shown := rec.Receipt.Hide(p.Value)
		page.Metadata = append(page.Metadata, given{pair{p.Key, shown}, shown == p.Value})
	}
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
			page.Siblings = append(page.Siblings, other.View())
		}
	}
	page.Others = max(n-1, 0)
	s.show(w, status, "refund", page)
}
