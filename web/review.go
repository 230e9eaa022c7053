package web

import (
	"net/http"

	"refundworker/journal"
	"refundworker/refund"
)

type reviewPage struct {
	frame
	Refunds []Dossier
	First   string
	Next    string
}

// review shows what waits for a person, longest first.
func (s *Site) review(w http.ResponseWriter, r *http.Request) {
	after, err := journal.ParsePlace(r.URL.Query().Get("after"))
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, "The address names no page of the list.")
		return
	}
	all, err := s.counts.get(r.Context(), s)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	list, err := s.backend.Journal.Page(r.Context(), journal.PageOf{State: refund.Review, Providers: all.providers, After: after, Limit: perPage})
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	page := reviewPage{frame: s.frame(r, "Review", "review")}
	for _, rec := range list.Refunds {
		d, err := s.dossier(r.Context(), page.frame, rec, "review")
		if err != nil {
			s.fail(w, r, rec.ID, err)
			return
		}
		page.Refunds = append(page.Refunds, d)
	}
	if after.ID != "" {
		page.First = "/review"
	}
	if list.More {
		page.Next = address("/review", "after", list.Next.String())
	}
	s.show(w, http.StatusOK, "review", page)
}
