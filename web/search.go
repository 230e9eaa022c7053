package web

import (
	"errors"
	"net/http"
	"strings"

	"refundworker/journal"
	"refundworker/refund"
)

type searchPage struct {
	frame
	Payments []journal.View // refunds of payments of that id
	More     bool           // of which there are more than are shown
	Metadata []found        // refunds with such a value
	Refused  string         // the id was refused when it was asked for
	Existing string
	First    string
	Next     string
	TooLong  bool
}

// Rows are the refunds of the payments.
func (p searchPage) Rows() rows { return rows{p.Now, p.Payments} }

// found is a refund and what led to it.
type found struct {
	journal.View
	By string
}

// search finds refunds by what a person has in hand: a refund's id leads to it,
// a payment's id to its refunds, and what is left to those whose metadata has
// such a value, or one that begins so.
func (s *Site) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	text := strings.TrimSpace(q.Get("q"))
	page := searchPage{frame: s.frame(r, "Search", "search"), TooLong: len(text) > journal.MaxFindable}
	page.Query = short(text, 200)
	if text == "" || page.TooLong {
		s.show(w, http.StatusOK, "search", page)
		return
	}
	if refund.ValidID(text) {
		_, err := s.backend.Journal.Get(r.Context(), text)
		var refused *journal.RefusedError
		switch {
		case err == nil:
			http.Redirect(w, r, "/refunds/"+text, http.StatusSeeOther)
			return
		case errors.As(err, &refused):
			page.Refused, page.Existing = refusal(refused.Refusal), refused.Refusal.ExistingID
		case !errors.Is(err, journal.ErrNotFound):
			s.fail(w, r, text, err)
			return
		}
	}
	var err error
	if page.Payments, page.More, err = s.byPayment(r, text); err != nil {
		s.fail(w, r, "", err)
		return
	}
	matches, more, err := s.backend.Journal.Search(r.Context(), text, q.Get("after"), perPage)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	for _, m := range matches {
		page.Metadata = append(page.Metadata, found{m.Record.View(), keysOf(m)})
	}
	if q.Has("after") {
		page.First = address("/search", "q", text)
	}
	if more {
		page.Next = address("/search", "q", text, "after", matches[len(matches)-1].Place)
	}
	s.show(w, http.StatusOK, "search", page)
}

// byPayment finds the refunds of a payment, at any provider whose payments have
// such ids unless one is named.
func (s *Site) byPayment(r *http.Request, text string) (list []journal.View, more bool, err error) {
	look := func(provider, payment string) error {
		recs, n, err := s.backend.Journal.PaymentPage(r.Context(), provider, payment, 0, perPage)
		list, more = append(list, views(recs)...), more || n > perPage
		return err
	}
	if named, id, ok := strings.Cut(text, "/"); ok {
		err = look(named, canonical(s.cfg, named, id))
		return list, more, err
	}
	for _, p := range s.cfg.Providers {
		payment, err := p.Driver.CanonicalPayment(text)
		if err != nil {
			continue // of another form than this provider's
		}
		if err := look(p.Name, payment); err != nil {
			return nil, false, err
		}
	}
	return list, more, nil
}

// keysOf says under which name a refund's metadata has the value, masked as
// elsewhere: who searched may have known no more than its beginning.
func keysOf(m journal.Match) string {
	for _, p := range sorted(m.Record.MetadataMap()) {
		if p.Value == m.Value {
			return p.Key + ": " + m.Record.Receipt.Hide(p.Value)
		}
	}
	return m.Record.Receipt.Hide(m.Value)
}
