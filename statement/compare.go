package statement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"refundworker/refund"
)

// Entry is what the journal says of one refund.
type Entry struct {
	RefundID         string
	Version          int64 // of two entries of one refund the later counts
	ProviderRefundID string
	Payment          string
	Amount           refund.Money // what moved, or what was asked for
	Known            bool         // the amount; not that of a full refund whose figure nobody gave
	State            refund.State
	Since            time.Time // in this state
	Reason           string    // reason_code
}

// Kind is what a comparison says of a row, a refund, or the two together.
type Kind string

// The kinds, the most urgent first.
const (
	OtherState   Kind = "other_state"   // it moved there, and is not succeeded here
	MissingHere  Kind = "missing_here"  // in the statement, not in the journal
	OtherAmount  Kind = "other_amount"  //
	MissingThere Kind = "missing_there" // succeeded here in the period, not in the statement
	Matched      Kind = "matched"
)

// Kinds lists all kinds in that order.
var Kinds = []Kind{OtherState, MissingHere, OtherAmount, MissingThere, Matched}

// Finding is one line of a comparison. Row is nil for MissingThere, Entry for
// MissingHere.
type Finding struct {
	Kind  Kind
	Row   *Row
	Entry *Entry
	Note  string
}

// Period says which refunds the statement should have. Zero times are open ends.
type Period struct {
	Since, Until time.Time // from Since on and before Until
	// Slack is how far apart the provider's time and ours of one refund may be.
	Slack time.Duration
}

func (p Period) holds(t time.Time) bool {
	return !t.Before(p.Since) && (p.Until.IsZero() || t.Before(p.Until))
}

// Of returns the days that rows cover, as a period, for ends that are open.
func (p Period) Of(rows []Row, zone *time.Location) Period {
	var first, last time.Time
	for _, r := range rows {
		if !r.Time.IsZero() && (first.IsZero() || r.Time.Before(first)) {
			first = r.Time
		}
		if r.Time.After(last) {
			last = r.Time
		}
	}
	if first.IsZero() {
		return p
	}
	if zone == nil {
		zone = time.UTC
	}
	day := func(t time.Time, add int) time.Time {
		year, month, day := t.In(zone).Date()
		return time.Date(year, month, day+add, 0, 0, 0, 0, zone)
	}
	if p.Since.IsZero() {
		p.Since = day(first, 0)
	}
	if p.Until.IsZero() {
		p.Until = day(last, 1)
	}
	return p
}

// Cut returns the rows within the period, and how many are not. Rows without a
// time are within.
func (p Period) Cut(rows []Row) ([]Row, int) {
	kept := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return !r.Time.IsZero() && !p.holds(r.Time) })
	return kept, len(rows) - len(kept)
}

// Comparison matches a statement's rows with the journal's refunds. It is not
// safe for concurrent use.
type Comparison struct {
	rows    []Row
	period  Period
	payment map[string][]int // rows by payment
	id      map[string][]int // rows by the refund's id
	entries map[string]Entry // by refund id
}

// NewComparison starts a comparison of rows that lie in the period.
func NewComparison(rows []Row, p Period) *Comparison {
	c := &Comparison{rows: rows, period: p, payment: map[string][]int{}, id: map[string][]int{}, entries: map[string]Entry{}}
	for i, r := range rows {
		if r.Payment != "" {
			c.payment[r.Payment] = append(c.payment[r.Payment], i)
		}
		if r.ID != "" {
			c.id[r.ID] = append(c.id[r.ID], i)
		}
	}
	return c
}

// ErrTooMany says that more refunds are to be compared than fit into memory.
var ErrTooMany = fmt.Errorf("more than %d refunds are in the period; compare less of it at once, with --since and --until", MaxRows)

// Add says what the journal holds. Only what can matter is kept: refunds that a
// row may be about, and those that the statement should have.
func (c *Comparison) Add(e Entry) error {
	had, known := c.entries[e.RefundID]
	if known && had.Version >= e.Version {
		return nil
	}
	meant := len(c.payment[e.Payment]) > 0 || len(c.id[e.RefundID]) > 0 || e.ProviderRefundID != "" && len(c.id[e.ProviderRefundID]) > 0
	if !known && !meant && !c.due(e) {
		return nil
	}
	if !known && len(c.entries) == MaxRows {
		return ErrTooMany
	}
	c.entries[e.RefundID] = e
	return nil
}

// due reports whether the statement should have the refund.
func (c *Comparison) due(e Entry) bool { return e.State == refund.Succeeded && c.period.holds(e.Since) }

// Unmatched returns the payments of rows that have no refund so far that
// explains them: all refunds of those payments should be added. Rows that name
// no payment are counted in bare.
func (c *Comparison) Unmatched() (payments []string, bare int) {
	seen := map[string]bool{}
	for _, f := range c.Findings() {
		switch {
		case f.Row == nil || f.Kind == Matched:
		case f.Row.Payment == "":
			bare++
		case !seen[f.Row.Payment]:
			seen[f.Row.Payment] = true
			payments = append(payments, f.Row.Payment)
		}
	}
	return payments, bare
}

// Findings are all that there is to say, by kind, then in the statement's order
// and by time.
func (c *Comparison) Findings() []Finding {
	m := newMatching(c)
	m.byID()
	m.byPayment()
	list := append(m.found, m.rest()...)
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)), cmp.Compare(a.line(), b.line()), order(a.Entry, b.Entry))
	})
	return list
}

func (f Finding) line() int {
	if f.Row == nil {
		return 0
	}
	return f.Row.Line
}

// order sorts refunds by time.
func order(a, b *Entry) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.RefundID, b.RefundID))
}
