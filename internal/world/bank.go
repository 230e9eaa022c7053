package world

import (
	"slices"
	"sync"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

// Total is what a payment amounts to that no test has set, in minor units.
const Total = 500_00

// Bank is a company: it keeps a ledger of what moved, and behaves at each call
// as told.
type Bank struct {
	Company
	mu       sync.Mutex
	payments map[string]*payment
	calls    []Call
	down     providers.Kind // what lookups fail with; Unknown: they do not
	numbered int
}

// Call is one call of the refund endpoint that reached the company.
type Call struct {
	RefundID string
	Attempt  int
	At       time.Time
}

// Entry is one movement of a payment's ledger.
type Entry struct {
	RefundID string    // empty: by hand, in the company's portal
	Number   string    // the company's own id of it
	Minor    int64     // minor units
	Asked    time.Time // when the call came
	At       time.Time // when it takes effect: requested, or done
	Done     time.Time // when the money is on its way
	Rejected time.Time // when the company drops it instead; zero: it does not
	all      bool      // it is all that is left when it takes effect
	due      bool      // it has not taken effect yet
}

// counts reports whether the entry is in effect, requested or done.
func (e Entry) counts(now time.Time) bool {
	return !e.At.After(now) && (e.Rejected.IsZero() || e.Rejected.After(now))
}

func (e Entry) done(now time.Time) bool {
	return e.counts(now) && e.Rejected.IsZero() && !e.Done.After(now)
}

type payment struct {
	total    int64
	currency refund.Currency
	entries  []Entry
	plans    []Behaviour
}

func newBank(c Company) *Bank {
	if c.Latency == 0 {
		c.Latency = 50 * time.Millisecond
	}
	return &Bank{Company: c, payments: map[string]*payment{}}
}

// of finds a payment as it is now, or makes one of Total; b.mu is held.
func (b *Bank) of(id string) *payment {
	p := b.payments[id]
	if p == nil {
		p = &payment{total: Total, currency: "RUB"}
		b.payments[id] = p
	}
	p.ripen(time.Now())
	return p
}

// ripen lets what was to take effect by now do so, in its order, as far as the
// payment still has the money: something made by hand may have come first.
func (p *payment) ripen(now time.Time) {
	slices.SortStableFunc(p.entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	for i := 0; i < len(p.entries); i++ {
		e := &p.entries[i]
		if !e.due || e.At.After(now) {
			continue
		}
		at, left := e.At, p.total
		for j, other := range p.entries {
			if j != i && !other.due && other.counts(at) {
				left -= other.Minor
			}
		}
		if e.all {
			e.Minor = left
		}
		if e.due = false; e.Minor <= 0 || e.Minor > left {
			p.entries = slices.Delete(p.entries, i, i+1)
			i--
		}
	}
}

// Pays says what a payment amounts to, in minor units.
func (b *Bank) Pays(paymentID string, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(paymentID).total = total
}

// Behave says what the next refund calls of a payment come to, in order; those
// after them succeed.
func (b *Bank) Behave(paymentID string, plans ...Behaviour) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.of(paymentID)
	p.plans = append(p.plans, plans...)
}

// ByHand refunds in the company's portal, as far as that much is left.
func (b *Bank) ByHand(paymentID string, minor int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p := b.of(paymentID)
	if minor = min(minor, p.left(now)); minor > 0 {
		p.entries = append(p.entries, Entry{Minor: minor, Asked: now, At: now, Done: now})
	}
}

// RejectByHand is a refund by hand that the company records, and drops after so
// long.
func (b *Bank) RejectByHand(paymentID string, minor int64, works time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p := b.of(paymentID)
	if minor = min(minor, p.left(now)); minor > 0 {
		p.entries = append(p.entries, Entry{Minor: minor, Asked: now, At: now, Done: now.Add(works), Rejected: now.Add(works)})
	}
}

// Quiet reports whether nothing will become of a refund any more that has not
// yet: no call of it came within the time, and nothing of it is due.
func (b *Bank) Quiet(paymentID, refundID string, within time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, c := range b.calls {
		if c.RefundID == refundID && now.Sub(c.At) < within {
			return false
		}
	}
	for _, e := range b.of(paymentID).entries {
		if e.RefundID == refundID && (e.due || e.Done.After(now)) {
			return false
		}
	}
	return true
}

// LookupsFail makes all lookups fail like this; Unknown ends it.
func (b *Bank) LookupsFail(kind providers.Kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = kind
}

// Ledger returns a payment's entries: those that are in effect, and those that
// still will be.
func (b *Bank) Ledger(paymentID string) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Entry
	now := time.Now()
	for _, e := range b.of(paymentID).entries {
		if e.counts(now) || e.At.After(now) {
			list = append(list, e)
		}
	}
	return list
}

// Payments returns the ids of all payments that anybody asked about.
func (b *Bank) Payments() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for id := range b.payments {
		ids = append(ids, id)
	}
	return ids
}

// Moved returns what moved for a refund, in minor units, and in how many parts;
// what is only requested counts too.
func (b *Bank) Moved(paymentID, refundID string) (minor int64, times int) {
	for _, e := range b.Ledger(paymentID) {
		if e.RefundID == refundID {
			minor, times = minor+e.Minor, times+1
		}
	}
	return minor, times
}

// Calls returns the refund calls that reached the company.
func (b *Bank) Calls() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Call(nil), b.calls...)
}

// left is what may still be refunded. What takes effect later is not in the
// way: two requests that lie around may both be carried out.
func (p *payment) left(now time.Time) int64 {
	left := p.total
	for _, e := range p.entries {
		if e.counts(now) {
			left -= e.Minor
		}
	}
	return left
}

// figures are what the company showed at a moment.
func (p *payment) figures(at time.Time) (done, pending int64) {
	for _, e := range p.entries {
		switch {
		case e.done(at):
			done += e.Minor
		case e.counts(at):
			pending += e.Minor
		}
	}
	return done, pending
}

// guarded reports whether an equal amount was refunded within the guard.
func (p *payment) guarded(minor int64, guard time.Duration, now time.Time) bool {
	for _, e := range p.entries {
		if e.counts(now) && e.Minor == minor && now.Sub(e.At) < guard {
			return true
		}
	}
	return false
}
