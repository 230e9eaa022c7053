package journal

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"refundworker/refund"
)

// View is a refund as people and scripts see it. Amounts are decimal strings in
// major units. Where a text repeats the e-mail address or the phone number of the
// receipt, they are masked; the Record has them.
type View struct {
	RefundID         string          `json:"refund_id"`
	Provider         string          `json:"provider"`
	PaymentID        string          `json:"payment_id"`
	Amount           string          `json:"amount"` // as asked; empty: full
	AmountMoved      string          `json:"amount_moved"`
	Currency         string          `json:"currency"`
	State            refund.State    `json:"state"`
	ReasonCode       string          `json:"reason_code"`
	ProviderRefundID string          `json:"provider_refund_id"`
	Reason           string          `json:"reason,omitempty"`
	RequestedBy      string          `json:"requested_by,omitempty"` // as far as anybody said
	ApprovedBy       string          `json:"approved_by,omitempty"`  // who let it go beyond the limits
	Waiting          string          `json:"waiting,omitempty"`      // why it waits
	Contradicted     string          `json:"contradicted,omitempty"` // evidence against its final state
	NextAt           *time.Time      `json:"next_at,omitempty"`
	CreatedAt        time.Time       `json:"created_at"`
	UpdatedAt        time.Time       `json:"updated_at"`
	WindowEndsAt     *time.Time      `json:"window_ends_at"`
	TraceID          string          `json:"trace_id,omitempty"`
	ErasedAt         *time.Time      `json:"erased_at,omitempty"` // when a person's data was removed
	Metadata         json.RawMessage `json:"metadata,omitempty"`
	Attempts         []Attempt       `json:"attempts,omitzero"`
	History          []Entry         `json:"history,omitzero"`
}

// View returns the refund without attempts and history.
func (r *Record) View() View {
	v := View{RefundID: r.ID, Provider: r.Provider, PaymentID: r.PaymentID, Amount: r.Asked, Currency: string(r.Currency),
		State: r.State, ReasonCode: r.ReasonCode, ProviderRefundID: r.ProviderRefundID, Reason: r.Receipt.Hide(r.Reason),
		RequestedBy: r.RequestedBy, ApprovedBy: r.ApprovedBy,
		Waiting: r.Receipt.Hide(r.Why), Contradicted: r.Receipt.Hide(r.Contradicted), CreatedAt: r.Created, UpdatedAt: r.Updated,
		Metadata: r.shownMetadata(), TraceID: r.TraceID()}
	if r.Moved != nil {
		v.AmountMoved = r.Money(*r.Moved)
	}
	if !r.WindowEnds.IsZero() {
		ends := r.WindowEnds
		v.WindowEndsAt = &ends
	}
	if !r.Erased.IsZero() {
		erased := r.Erased
		v.ErasedAt = &erased
	}
	if r.State.Terminal() {
		v.Waiting = ""
	}
	if !r.Due.IsZero() {
		due := r.Due
		v.NextAt = &due
	}
	return v
}

// FullView adds the attempts and the history.
func (j *Journal) FullView(ctx context.Context, r *Record) (View, error) {
	v := r.View()
	var err error
	if v.Attempts, err = r.AttemptList(); err != nil {
		return v, err
	}
	for i, a := range v.Attempts {
		v.Attempts[i].Message = r.Receipt.Hide(a.Message)
	}
	v.History, err = j.History(ctx, r)
	for i, h := range v.History {
		v.History[i].Note = r.Receipt.Hide(h.Note)
	}
	return v, err
}

// shownMetadata is the metadata as it was given, unless a value must be masked.
func (r *Record) shownMetadata() json.RawMessage {
	given := r.MetadataMap()
	if shown := r.Receipt.HideIn(given); !maps.Equal(given, shown) {
		return json.RawMessage(quote(shown))
	}
	return json.RawMessage(r.Metadata)
}

// money renders minor units given as text in major units; empty stays empty.
func money(minor, currency string) string {
	n, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	return refund.Money{Minor: n, Currency: refund.Currency(currency)}.String()
}
