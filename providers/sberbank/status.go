package sberbank

import (
	"context"
	"net/url"
	"regexp"

	"refundworker/providers"
	"refundworker/refund"
)

var currencyNumber = regexp.MustCompile(`^[0-9]{3}$`)

type statusAnswer struct {
	ErrorCode    *providers.Scalar `json:"errorCode"`
	ErrorMessage *providers.Scalar `json:"errorMessage"`
	Currency     *providers.Scalar `json:"currency"` // ISO 4217 number
	Amounts      *struct {
		Deposited *providers.Scalar `json:"depositedAmount"` // what is left, after refunds
		Refunded  *providers.Scalar `json:"refundedAmount"`  // in all
	} `json:"paymentAmountInfo"`
	Loyalty *struct {
		Bonus *struct {
			Deposited *providers.Scalar `json:"depositedAmountBonus"`
			Refunded  *providers.Scalar `json:"refundedAmountBonus"`
		} `json:"paymentBonus"`
	} `json:"loyaltyInfo"`
}

// PaymentStatus calls getOrderStatusExtended.do. Its figures are money and
// points together, as the amounts of refunds are.
func (a *account) PaymentStatus(ctx context.Context, q providers.PaymentQuery) (providers.PaymentStatus, error) {
	got, fail := a.client.Ask(ctx, a.call("status", "getOrderStatusExtended.do", url.Values{
		"orderId": {q.PaymentID}, "language": {a.language}}))
	if fail != nil {
		return providers.PaymentStatus{}, fail.Lookup()
	}
	var s statusAnswer
	if providers.Decode(got.Body, &s) != nil {
		return providers.PaymentStatus{}, got.Unread().Lookup()
	}
	code, said := text(s.ErrorCode)
	if said && code != codeSuccess {
		return providers.PaymentStatus{}, a.lookupError(got, code, s.ErrorMessage)
	}
	currency, ok := currencyOf(s.Currency, q.Currency)
	if !ok || !got.OK() || s.Amounts == nil && !said {
		return providers.PaymentStatus{}, got.Unread().Lookup()
	}
	if s.Amounts == nil {
		return providers.PaymentStatus{Currency: currency}, nil
	}
	refunded, left := []*providers.Scalar{s.Amounts.Refunded}, []*providers.Scalar{s.Amounts.Deposited}
	if s.Loyalty != nil && s.Loyalty.Bonus != nil {
		refunded = append(refunded, s.Loyalty.Bonus.Refunded)
		left = append(left, s.Loyalty.Bonus.Deposited)
	}
	return providers.PaymentStatus{
		Refunded:   sum(refunded),
		Refundable: sum(left),
		Currency:   currency,
	}, nil
}

// lookupError says why there is no status. Of the meanings of code 5, two need
// an amount or a missing orderId, and this call has no amount and always an
// orderId: what is left is that the credentials are refused, or this merchant's
// right to see the order. Code 7 can be a passing system error.
func (a *account) lookupError(got providers.Answer, code string, message *providers.Scalar) *providers.LookupError {
	e := got.Unread().Lookup()
	e.Code = a.client.Code(code)
	if !got.ServerError() && code == codeAccess {
		e.Kind = providers.Misconfigured
	}
	e.Unsupported = !got.ServerError() && code != codeState && code != codeAccess
	if said, ok := text(message); ok {
		e.Message = a.client.Text(said)
	}
	return e
}

// sum adds amounts in minor units; nil if one of them is missing or unreadable.
func sum(amounts []*providers.Scalar) *int64 {
	var total int64
	for _, s := range amounts {
		if s == nil {
			return nil
		}
		n, ok := minorUnits(string(*s))
		if !ok {
			return nil
		}
		total += n
	}
	return &total
}

// currencyOf names the status's currency: the one that was asked for if it has
// that number or the gateway gives none, else the three digits themselves, which
// are no currency's code and so are seen to differ.
func currencyOf(number *providers.Scalar, asked refund.Currency) (refund.Currency, bool) {
	if number == nil || string(*number) == asked.Numeric() {
		return asked, true
	}
	return refund.Currency(*number), currencyNumber.MatchString(string(*number))
}
