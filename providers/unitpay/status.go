package unitpay

import (
	"context"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

type payment struct {
	ID        *providers.Scalar `json:"paymentId"`
	Sum       *providers.Scalar `json:"orderSum"`
	Currency  *providers.Scalar `json:"orderCurrency"`
	Available *providers.Scalar `json:"availableForRefund"` // missing in older answers
}

// PaymentStatus calls getPayment. What has been refunded is how far
// availableForRefund has fallen below orderSum: neither the payment's status
// nor the elements of refunds are documented well enough to go by.
func (a *account) PaymentStatus(ctx context.Context, q providers.PaymentQuery) (providers.PaymentStatus, error) {
	got, fail := a.client.Ask(ctx, a.call("status", "getPayment", []param{{"paymentId", q.PaymentID}}))
	if fail != nil {
		return providers.PaymentStatus{}, fail.Lookup()
	}
	body, ok := read[payment](got.Body)
	if ok && body.Error != nil {
		return providers.PaymentStatus{}, a.lookupError(got, body.Error)
	}
	if !ok || !got.OK() || !body.Result.about(q.PaymentID) {
		return providers.PaymentStatus{}, got.Unread().Lookup()
	}
	return body.Result.status(), nil
}

// about reports whether the answer is about that payment, as far as it says.
func (p payment) about(id string) bool {
	if p.ID == nil {
		return true
	}
	canonical, err := Driver{}.CanonicalPayment(string(*p.ID))
	return err == nil && canonical == id
}

func (p payment) status() providers.PaymentStatus {
	var s providers.PaymentStatus
	if p.Currency == nil {
		return s // amounts of no known currency are no amounts
	}
	s.Currency = refund.Currency(strings.ToUpper(string(*p.Currency)))
	if _, ok := s.Currency.Exponent(); !ok {
		return providers.PaymentStatus{}
	}
	s.Refundable = p.Available.Minor(s.Currency)
	if sum := p.Sum.Minor(s.Currency); sum != nil && s.Refundable != nil && *sum >= *s.Refundable {
		refunded := *sum - *s.Refundable
		s.Refunded = &refunded
	}
	return s
}
