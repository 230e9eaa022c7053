package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// The states of a refund at maib.
const (
	maibCreated   = "Created"
	maibRequested = "Requested"
	maibAccepted  = "Accepted"
	maibRejected  = "Rejected"
	maibManual    = "Manual"
)

// maibRefund is a refund that maib has recorded. Its money moves when it is
// accepted.
type maibRefund struct {
	id        string
	payment   *record
	minor     int64
	full      bool
	reason    string
	callback  string
	status    string // as it was set; see state
	created   time.Time
	executed  time.Time // zero until accepted
	uncounted bool      // requestedRefundAmount leaves it out
	number    int64     // of the call
}

// record takes a refund in and puts its further life on the agenda.
func (m *maib) record(p *record, minor, number int64, ask maibRequest, f Fault) *maibRefund {
	now := m.s.options.Now()
	r := &maibRefund{
		id: uuid.NewString(), payment: p, minor: minor, full: ask.Amount == nil, reason: ask.Reason,
		callback: ask.CallbackURL, status: maibCreated, created: now, uncounted: f.Kind == RequestedNotCounted, number: number,
	}
	m.file(r)
	p.pending += minor
	m.s.at(now.Add(m.s.options.SettleDelay), func(at time.Time) { m.settle(r, at, f) })
	return r
}

func (m *maib) file(r *maibRefund) {
	m.refunds[r.id] = r
	r.payment.requests = append(r.payment.requests, r)
}

// state is the refund's status now: half-way to its settling, what is Created
// becomes Requested.
func (m *maib) state(r *maibRefund) string {
	if r.status == maibCreated && m.s.options.Now().Sub(r.created) >= m.s.options.SettleDelay/2 {
		return maibRequested
	}
	return r.status
}

func (m *maib) settle(r *maibRefund, at time.Time, f Fault) {
	switch f.Kind {
	case ManualLater:
		r.status = maibManual
		return
	case RejectedLater:
		r.status = maibRejected
		r.payment.pending -= r.minor
	default:
		r.status, r.executed = maibAccepted, at
		r.payment.pending -= r.minor
		r.payment.move(at, LegMoney, r.minor, r.number)
	}
	if r.callback == "" {
		return
	}
	post := func(time.Time) { m.s.post(m.callbackOf(r)) }
	switch f.Kind {
	case CallbackNever:
	case CallbackLate:
		m.s.at(at.Add(orDefault(f.Delay, 5*time.Second)), post)
	case CallbackTwice:
		post(at)
		post(at)
	default:
		post(at)
	}
}

// callbackOf builds a callback. Its body is not documented; this one is likely
// enough for a receiver that should not believe it anyway.
func (m *maib) callbackOf(r *maibRefund) letter {
	body, _ := json.Marshal(map[string]any{ // strings and numbers only: no error
		"result": map[string]any{
			"refundId": r.id, "payId": r.payment.ID, "status": r.status,
			"amount": json.Number(r.payment.amount(r.minor)), "currency": r.payment.Currency,
		},
		"signature": "not-a-signature",
	})
	return letter{Callback{PaymentID: r.payment.ID, RefundID: r.id, URL: r.callback}, body}
}

// bookByHand records a refund made in the portal, as it stands when it is done.
func (m *maib) bookByHand(p *record, minor int64, now time.Time) {
	m.file(&maibRefund{id: uuid.NewString(), payment: p, minor: minor, reason: "by hand",
		status: maibAccepted, created: now, executed: now})
}

func (m *maib) refundStatus(id string) reply {
	r := m.refunds[id]
	if r == nil {
		return jsonReply(http.StatusNotFound, map[string]any{
			"ok": false, "errors": []maibError{{"14003", "Refund not found", map[string]string{}}}})
	}
	m.turn++
	if r.payment.NoLookup || r.payment.NoRefundLookup {
		return lookupGone(m.turn)
	}
	kind, executed := "Partial", (*string)(nil)
	if r.full {
		kind = "Full"
	}
	if !r.executed.IsZero() {
		at := r.executed.UTC().Format(time.RFC3339)
		executed = &at
	}
	return m.result(struct {
		ID         string      `json:"id"`
		PaymentID  string      `json:"paymentId"`
		RefundType string      `json:"refundType"`
		Amount     json.Number `json:"amount"`
		Currency   string      `json:"currency"`
		Reason     string      `json:"refundReason"`
		ExecutedAt *string     `json:"executedAt"`
		Status     string      `json:"status"`
	}{r.id, r.payment.ID, kind, json.Number(r.payment.amount(r.minor)), r.payment.Currency, r.reason, executed, m.state(r)})
}

// maibPayment is what maib says of a payment; amounts are in major units.
type maibPayment struct {
	ID         string       `json:"paymentId"`
	Status     string       `json:"status"`
	Amount     json.Number  `json:"amount"`
	Currency   string       `json:"currency"`
	Refunded   *json.Number `json:"refundedAmount,omitempty"`
	Requested  *json.Number `json:"requestedRefundAmount,omitempty"`
	Refundable *json.Number `json:"refundableAmount,omitempty"`
}

func (m *maib) paymentStatus(id string) reply {
	p := m.s.ledger.find(Maib, id)
	m.turn++
	switch {
	case p == nil:
		return m.error("14003", nil)
	case p.NoLookup:
		return lookupGone(m.turn)
	}
	refunded, requested := m.shown(p)
	answer := maibPayment{ID: p.ID, Status: p.Status, Amount: json.Number(p.amount(p.Minor)), Currency: p.Currency}
	switch {
	case p.Status != "":
	case refunded == p.Minor:
		answer.Status = "Refunded"
	case refunded > 0:
		answer.Status = "PartiallyRefunded"
	default:
		answer.Status = "Executed"
	}
	if !p.NoFigures {
		number := func(minor int64) *json.Number {
			n := json.Number(p.amount(minor))
			return &n
		}
		answer.Refunded, answer.Requested = number(refunded), number(requested)
		answer.Refundable = number(p.Minor - refunded - requested)
	}
	return m.result(answer)
}

// shown returns what a lookup of the payment shows now, which its StatusLag may
// hold back.
func (m *maib) shown(p *record) (refunded, requested int64) {
	until := m.s.options.Now().Add(-p.StatusLag)
	for _, r := range p.requests {
		if r.status == maibRejected || r.created.After(until) {
			continue
		}
		switch {
		case r.status == maibAccepted && !r.executed.After(until):
			refunded += r.minor
		case !r.uncounted:
			requested += r.minor
		}
	}
	return refunded, requested
}
