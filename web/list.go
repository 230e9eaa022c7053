package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

type listPage struct {
	frame
	Heading   string
	States    []stateLink
	Providers []string
	State     refund.State
	Provider  string
	Refunds   []journal.View
	First     string // the address of the first page; empty on it
	Next      string // the address of the next page; empty on the last
}

// rows are refunds in a table.
type rows struct {
	Now  time.Time
	List []journal.View
}

// Rows are the page's refunds.
func (p listPage) Rows() rows { return rows{p.Now, p.Refunds} }

// stateLink leads to the refunds in one state.
type stateLink struct {
	chip
	Count   int64
	Current bool
	Address string
}

// list shows the refunds in one state, or those of one payment, page by page.
func (s *Site) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has("payment") {
		s.listPayment(w, r, q.Get("payment"), q.Get("from"))
		return
	}
	state, provider := refund.State(q.Get("state")), q.Get("provider")
	if state == "" {
		state = refund.Queued
	}
	after, err := journal.ParsePlace(q.Get("after"))
	if err != nil || !state.Valid() {
		s.sorry(w, r, http.StatusBadRequest, "The address names no page of a list: state must be one of the states, and after what a page's link says.")
		return
	}
	all, err := s.counts.get(r.Context(), s)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	of := all.providers
	if provider != "" {
		of = []string{provider}
		if !slices.Contains(all.providers, provider) {
			s.sorry(w, r, http.StatusNotFound, "No provider of that name is configured, or has refunds.")
			return
		}
	}
	list, err := s.backend.Journal.Page(r.Context(), journal.PageOf{State: state, Providers: of, NewestFirst: state.Terminal(), After: after, Limit: perPage})
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	page := listPage{frame: s.frame(r, "Refunds "+words[state], "refunds"), Heading: "Refunds " + words[state], Providers: all.providers, State: state, Provider: provider}
	if provider != "" {
		page.Heading += " at " + provider
	}
	for _, st := range refund.States {
		page.States = append(page.States, stateLink{chip{st, marks[st], words[st]}, all.in(provider, st), st == state, address("/refunds", "state", string(st), "provider", provider)})
	}
	page.Refunds = views(list.Refunds)
	if after.ID != "" {
		page.First = address("/refunds", "state", string(state), "provider", provider)
	}
	if list.More {
		page.Next = address("/refunds", "state", string(state), "provider", provider, "after", list.Next.String())
	}
	s.show(w, http.StatusOK, "list", page)
}

// listPayment shows the refunds of "PROVIDER/PAYMENT_ID".
func (s *Site) listPayment(w http.ResponseWriter, r *http.Request, payment, from string) {
	provider, id, ok := strings.Cut(payment, "/")
	offset, err := strconv.Atoi("0" + from)
	if !ok || err != nil || offset > 10_000 {
		s.sorry(w, r, http.StatusBadRequest, "The address must name a payment as PROVIDER/PAYMENT_ID.")
		return
	}
	recs, n, err := s.backend.Journal.PaymentPage(r.Context(), provider, canonical(s.cfg, provider, id), offset, perPage)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	page := listPage{frame: s.frame(r, "Refunds of a payment", "refunds"), Heading: "Refunds of payment " + short(payment, 120), Refunds: views(recs)}
	if offset > 0 {
		page.First = address("/refunds", "payment", payment)
	}
	if offset+perPage < n {
		page.Next = address("/refunds", "payment", payment, "from", strconv.Itoa(offset+perPage))
	}
	s.show(w, http.StatusOK, "list", page)
}

func views(recs []*journal.Record) []journal.View {
	list := make([]journal.View, 0, len(recs))
	for _, rec := range recs {
		list = append(list, rec.View())
	}
	return list
}

// canonical is a payment's id as the journal has it; what is no id of the
// provider's stays as it is.
func canonical(cfg *config.Config, provider, id string) string {
	if p, ok := cfg.Provider(provider); ok && p.Driver != nil {
		if form, err := p.Driver.CanonicalPayment(id); err == nil {
			return form
		}
	}
	return id
}

// address is a path with a query of the pairs that have a value.
func address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
