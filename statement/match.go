package statement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"refundworker/refund"
)

// matching pairs rows with refunds, each at most once: by the refund's id, then
// by payment and amount with the nearest time, then with what is less alike.
type matching struct {
	*Comparison
	sorted  []*Entry // all, by time
	row     []bool   // rows that are taken
	entry   map[*Entry]bool
	found   []Finding
	ofOne   map[string][]*Entry // by payment
	entryID map[string][]*Entry // by either id
}

func newMatching(c *Comparison) *matching {
	m := &matching{Comparison: c, row: make([]bool, len(c.rows)), entry: map[*Entry]bool{}, ofOne: map[string][]*Entry{}, entryID: map[string][]*Entry{}}
	for _, e := range c.entries {
		m.sorted = append(m.sorted, &e)
	}
	slices.SortFunc(m.sorted, order)
	for _, e := range m.sorted {
		m.ofOne[e.Payment] = append(m.ofOne[e.Payment], e)
		m.entryID[e.RefundID] = append(m.entryID[e.RefundID], e)
		if e.ProviderRefundID != "" && e.ProviderRefundID != e.RefundID {
			m.entryID[e.ProviderRefundID] = append(m.entryID[e.ProviderRefundID], e)
		}
	}
	return m
}

func (m *matching) pair(row int, e *Entry, kind Kind, notes ...string) {
	r := &m.rows[row]
	if kind != OtherAmount && e.Known && e.Amount != r.Amount {
		notes = append(notes, "the amounts differ")
	}
	if !e.Known {
		notes = append(notes, "the journal does not know its amount")
	}
	if e.Amount.Currency != r.Amount.Currency {
		notes = append(notes, "the journal has it in "+string(e.Amount.Currency))
	}
	m.row[row], m.entry[e] = true, true
	m.found = append(m.found, Finding{kind, r, e, strings.Join(notes, "; ")})
}

// byID pairs rows with the refund that they name. A row that names the refund of
// another payment does not mean it.
func (m *matching) byID() {
	for i, r := range m.rows {
		if r.ID == "" {
			continue
		}
		for _, e := range m.entryID[r.ID] {
			if m.entry[e] || r.Payment != "" && r.Payment != e.Payment {
				continue
			}
			switch {
			case e.State != refund.Succeeded:
				m.pair(i, e, OtherState)
			case e.Known && e.Amount != r.Amount:
				m.pair(i, e, OtherAmount)
			default:
				m.pair(i, e, Matched)
			}
			break
		}
	}
}

// rule is one step of pairing the rest of a payment's rows and refunds.
type rule struct {
	kind Kind
	note string
	fits func(r *Row, e *Entry) bool
}

func (m *matching) rules() []rule {
	succeeded := func(e *Entry) bool { return e.State == refund.Succeeded }
	same := func(r *Row, e *Entry) bool { return e.Known && e.Amount == r.Amount }
	near := func(r *Row, e *Entry) bool { return m.near(r, e) }
	return []rule{
		{Matched, "", func(r *Row, e *Entry) bool { return succeeded(e) && same(r, e) && near(r, e) && !otherID(r, e) }},
		{Matched, "the ids differ", func(r *Row, e *Entry) bool { return succeeded(e) && same(r, e) && near(r, e) }},
		{OtherState, "", func(r *Row, e *Entry) bool { return open(e) && (same(r, e) || !e.Known) }},
		{OtherState, "", func(r *Row, e *Entry) bool {
			return !open(e) && !succeeded(e) && (same(r, e) || !e.Known) && near(r, e)
		}},
		{Matched, "", func(r *Row, e *Entry) bool { return succeeded(e) && !e.Known && near(r, e) }},
		{OtherAmount, "", func(r *Row, e *Entry) bool { return succeeded(e) && near(r, e) }},
		{OtherState, "", func(_ *Row, e *Entry) bool { return mayMove(e) }},
	}
}

// byPayment pairs what is left, payment by payment.
func (m *matching) byPayment() {
	rules := m.rules()
	for payment, rows := range m.payment {
		entries := m.ofOne[payment]
		if len(entries) == 0 {
			continue
		}
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b int) int { return m.rows[a].Time.Compare(m.rows[b].Time) })
		for _, rule := range rules {
			m.apply(rule, rows, entries)
		}
	}
}

// apply pairs by one rule. The fewer choose, each the nearest of the others, so
// that of equal refunds those remain that are furthest from any.
func (m *matching) apply(rule rule, rows []int, entries []*Entry) {
	var freeRows []int
	for _, i := range rows {
		if !m.row[i] {
			freeRows = append(freeRows, i)
		}
	}
	var freeEntries []*Entry
	for _, e := range entries {
		if !m.entry[e] {
			freeEntries = append(freeEntries, e)
		}
	}
	if len(freeRows) <= len(freeEntries) {
		for _, i := range freeRows {
			r := &m.rows[i]
			if e := nearest(freeEntries, func(e *Entry) (time.Duration, bool) { return apart(r, e), !m.entry[e] && rule.fits(r, e) }); e != nil {
				m.pair(i, *e, rule.kind, notes(rule.note)...)
			}
		}
		return
	}
	for _, e := range freeEntries {
		if i := nearest(freeRows, func(i int) (time.Duration, bool) { return apart(&m.rows[i], e), !m.row[i] && rule.fits(&m.rows[i], e) }); i != nil {
			m.pair(*i, e, rule.kind, notes(rule.note)...)
		}
	}
}

func notes(note string) []string {
	if note == "" {
		return nil
	}
	return []string{note}
}

// nearest is the first of those that fit and are least apart; nil if none fits.
func nearest[T any](all []T, fits func(T) (time.Duration, bool)) *T {
	var best *T
	var least time.Duration
	for i := range all {
		if d, ok := fits(all[i]); ok && (best == nil || d < least) {
			best, least = &all[i], d
		}
	}
	return best
}

// apart is how far apart row and refund are in time; 0 where the row has none.
func apart(r *Row, e *Entry) time.Duration {
	if r.Time.IsZero() {
		return 0
	}
	return r.Time.Sub(e.Since).Abs()
}

// near reports whether the two can be one by their times.
func (m *matching) near(r *Row, e *Entry) bool {
	if m.period.holds(e.Since) {
		return true
	}
	if r.Time.IsZero() {
		wide := m.period
		wide.Since, wide.Until = shifted(wide.Since, -wide.Slack), shifted(wide.Until, wide.Slack)
		return wide.holds(e.Since)
	}
	return apart(r, e) <= m.period.Slack
}

func shifted(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}

// otherID reports whether both name a refund of the provider, and not the same.
func otherID(r *Row, e *Entry) bool {
	return r.ID != "" && e.ProviderRefundID != "" && r.ID != e.ProviderRefundID && r.ID != e.RefundID
}

func open(e *Entry) bool { return !e.State.Terminal() }

// mayMove reports whether an attempt of the refund may have moved money without
// the journal knowing it.
func mayMove(e *Entry) bool {
	return open(e) && e.State != refund.Queued
}

// rest are the rows and refunds that have no partner.
func (m *matching) rest() []Finding {
	var list []Finding
	for i := range m.rows {
		if r := &m.rows[i]; !m.row[i] {
			list = append(list, Finding{Kind: MissingHere, Row: r, Note: m.hint(r)})
		}
	}
	for _, e := range m.sorted {
		if !m.entry[e] && m.due(*e) {
			list = append(list, Finding{Kind: MissingThere, Entry: e, Note: m.edge(e)})
		}
	}
	return list
}

// hint says what the journal has that is like the row.
func (m *matching) hint(r *Row) string {
	if r.Odd {
		return "its payment has not the form of this provider's"
	}
	for _, e := range m.ofOne[r.Payment] {
		if e.Known && e.Amount == r.Amount && !m.entry[e] {
			return fmt.Sprintf("refund %s of this payment and amount is %s since %s", e.RefundID, e.State, e.Since.UTC().Format(time.RFC3339))
		}
	}
	if n := len(m.ofOne[r.Payment]); n > 0 {
		return fmt.Sprintf("the journal has %d refunds of this payment, none left for this row", n)
	}
	return ""
}

// edge says where a refund may stand in the next statement, or in the last.
func (m *matching) edge(e *Entry) string {
	near := func(t time.Time) bool { return !t.IsZero() && e.Since.Sub(t).Abs() < m.period.Slack }
	switch {
	case near(m.period.Until):
		return "near the end of the period: it may stand in the next statement"
	case near(m.period.Since):
		return "near the start of the period: it may stand in the statement before"
	}
	return ""
}
