package sandbox

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"refundworker/refund"
)

// Payment is an original transaction that can be refunded. Amounts are in minor
// units.
type Payment struct {
	Company     string
	ID          string
	Minor       int64  // the whole payment, money and points together
	PointsMinor int64  // the part of it that was paid in loyalty points (sberbank)
	Currency    string // ISO 4217; empty means RUB, for maib MDL
	Status      string // the company's own word; empty for one that can be refunded
	Test        bool   // unitpay: exists in test mode only

	NoPartial bool // the whole payment can be refunded, a part of it can't (unitpay)
	OneRefund bool // one refund, full or partial, and no second one (unitpay)

	NoLookup       bool          // lookups answer 404 and 405 in turn
	NoRefundLookup bool          // lookups of a single refund do (maib)
	NoFigures      bool          // lookups answer, but don't say how much was refunded
	StatusLag      time.Duration // how much later than the truth lookups of the payment show it
}

// The legs that a movement can be of.
const (
	LegMoney  = "money"
	LegPoints = "points"
)

// Movement is money, or points, that really went back.
type Movement struct {
	At      time.Time
	Minor   int64 // minor units
	Leg     string
	Request int64 // the number of the call that caused it; 0 for a refund made by hand
}

// Receipt is what came with a refund for the online cash desk (unitpay).
type Receipt struct {
	Items         string // the JSON array, as it was sent
	CustomerEmail string
	CustomerPhone string
	Request       int64
}

type paymentKey struct{ company, id string }

// keyOf returns the one key for all spellings of a payment id.
func keyOf(company, id string) paymentKey {
	switch company {
	case UnitPay:
		if trimmed := strings.TrimLeft(id, "0"); trimmed != "" {
			id = trimmed
		}
	case Maib:
		id = strings.ToLower(id)
	}
	return paymentKey{company, id}
}

// ledger is the truth of what moved. The server's lock guards it.
type ledger struct {
	payments map[paymentKey]*record
	order    []paymentKey
}

// record is one payment and what became of it.
type record struct {
	Payment
	movements []Movement
	pending   int64         // promised and not moved yet (maib)
	requests  []*maibRefund // all that maib recorded
	receipts  []Receipt
}

func (l *ledger) find(company, id string) *record { return l.payments[keyOf(company, id)] }

func (l *ledger) add(p Payment) {
	key := keyOf(p.Company, p.ID)
	p.ID = key.id
	if p.Currency == "" {
		p.Currency = currencyOf(p.Company)
	}
	if r := l.payments[key]; r != nil {
		r.Payment = p
		return
	}
	l.payments[key] = &record{Payment: p}
	l.order = append(l.order, key)
}

// moved returns what went back by the given time; the zero time means so far.
func (r *record) moved(until time.Time) int64 {
	return r.movedLeg(LegMoney, until) + r.movedLeg(LegPoints, until)
}

func (r *record) movedLeg(leg string, until time.Time) int64 {
	var sum int64
	for _, m := range r.movements {
		if m.Leg == leg && (until.IsZero() || !m.At.After(until)) {
			sum += m.Minor
		}
	}
	return sum
}

// left returns what can still be refunded.
func (r *record) left() int64 { return r.Minor - r.moved(time.Time{}) - r.pending }

// move books a movement. Nothing is booked beyond the payment: the caller has
// checked it, and a ledger that is wrong must not go unnoticed.
func (r *record) move(at time.Time, leg string, minor, request int64) {
	if minor == 0 {
		return
	}
	if minor < 0 || r.moved(time.Time{})+minor > r.Minor {
		panic("sandbox: the ledger would give back more than was paid")
	}
	r.movements = append(r.movements, Movement{At: at, Minor: minor, Leg: leg, Request: request})
}

// split divides an amount into its legs in the proportion of the payment. The
// legs add up to the amount, and neither is more than is left of it.
func (r *record) split(minor int64) (money, points int64) {
	moneyLeft := r.Minor - r.PointsMinor - r.movedLeg(LegMoney, time.Time{})
	pointsLeft := r.PointsMinor - r.movedLeg(LegPoints, time.Time{})
	share := new(big.Int).Mul(big.NewInt(minor), big.NewInt(r.PointsMinor))
	points = min(share.Quo(share, big.NewInt(r.Minor)).Int64(), pointsLeft)
	money = min(minor-points, moneyLeft)
	return money, minor - money
}

// amount formats minor units of the payment's currency: "100.00".
func (r *record) amount(minor int64) string {
	return refund.Money{Minor: minor, Currency: refund.Currency(r.Currency)}.String()
}

// AddPayment adds a payment. One that exists is changed and keeps its
// movements. It panics if the payment can't be.
func (s *Server) AddPayment(p Payment) {
	if err := p.check(); err != nil {
		panic("sandbox: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.add(p)
}

func (p Payment) check() error {
	switch {
	case !slices.Contains(Companies, p.Company):
		return errors.New("company must be one of " + strings.Join(Companies, ", ") + ", not " + clip(p.Company))
	case p.ID == "" || len(p.ID) > 64:
		return errors.New("id must have 1 to 64 characters")
	case p.Minor <= 0 || p.Minor > refund.MaxMinor:
		return errors.New("the amount must be more than zero and no more than the largest one accepted")
	case p.PointsMinor < 0 || p.PointsMinor > p.Minor:
		return errors.New("points must be part of the amount")
	}
	return nil
}

// Moved returns how much of the payment really went back, in minor units,
// whatever the company's answers said.
func (s *Server) Moved(company, paymentID string) int64 {
	var moved int64
	s.inspect(company, paymentID, func(r *record) { moved = r.moved(time.Time{}) })
	return moved
}

// Pending returns how much maib has promised and not yet given back, in minor
// units: refunds that are Created, Requested or Manual.
func (s *Server) Pending(company, paymentID string) int64 {
	var pending int64
	s.inspect(company, paymentID, func(r *record) { pending = r.pending })
	return pending
}

// Movements returns every effect on the payment, oldest first.
func (s *Server) Movements(company, paymentID string) []Movement {
	var movements []Movement
	s.inspect(company, paymentID, func(r *record) { movements = slices.Clone(r.movements) })
	return movements
}

// Receipts returns the receipts of the payment's refunds, oldest first.
func (s *Server) Receipts(company, paymentID string) []Receipt {
	var receipts []Receipt
	s.inspect(company, paymentID, func(r *record) { receipts = slices.Clone(r.receipts) })
	return receipts
}

func (s *Server) inspect(company, paymentID string, see func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	if r := s.ledger.find(company, paymentID); r != nil {
		see(r)
	}
}

// RefundByHand gives back minor units at once, as somebody does in the
// company's portal, without a call.
func (s *Server) RefundByHand(company, paymentID string, minor int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	r := s.ledger.find(company, paymentID)
	switch {
	case r == nil:
		return errors.New("no such payment")
	case minor <= 0 || minor > r.left():
		return errors.New("more than is left of the payment")
	}
	now := s.options.Now()
	if company == Maib {
		s.maib.bookByHand(r, minor, now)
	}
	money, points := r.split(minor)
	r.move(now, LegMoney, money, 0)
	r.move(now, LegPoints, points, 0)
	return nil
}
