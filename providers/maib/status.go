package maib

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

// PaymentStatus calls GET /v2/payments/{payId}.
func (a *account) PaymentStatus(ctx context.Context, q providers.PaymentQuery) (providers.PaymentStatus, error) {
	var p struct {
		Currency   *providers.Scalar `json:"currency"`
		Refunded   *providers.Scalar `json:"refundedAmount"`
		Requested  *providers.Scalar `json:"requestedRefundAmount"`
		Refundable *providers.Scalar `json:"refundableAmount"`
	}
	if _, err := a.lookup(ctx, &p, "v2", "payments", q.PaymentID); err != nil {
		return providers.PaymentStatus{}, err
	}
	currency := q.Currency
	if p.Currency != nil {
		currency = refund.Currency(strings.ToUpper(string(*p.Currency)))
	}
	if _, ok := currency.Exponent(); !ok {
		return providers.PaymentStatus{}, nil // amounts of no known currency are no amounts
	}
	s := providers.PaymentStatus{
		Refunded:   p.Refunded.Minor(currency),
		Requested:  p.Requested.Minor(currency),
		Refundable: p.Refundable.Minor(currency),
		Currency:   currency,
	}
	if s.Requested == nil {
		// maib records a refund first and pays it later. Without what is under
		// way, what is refunded does not tell whether a refund will be paid.
		s.Refunded = nil
	}
	return s, nil
}

// RefundStatus calls GET /v2/payments/refunds/{refundId}.
func (a *account) RefundStatus(ctx context.Context, providerRefundID string) (providers.RefundStatus, error) {
	id, ok := usableID(providerRefundID)
	if !ok {
		return providers.RefundStatus{}, &providers.LookupError{Unsupported: true, Code: providers.CodeUnsupported,
			Message: "this is no refund id of maib"}
	}
	var r struct {
		ID       *providers.Scalar `json:"id"`
		Amount   *providers.Scalar `json:"amount"`
		Currency *providers.Scalar `json:"currency"`
		Status   *providers.Scalar `json:"status"`
	}
	hide, err := a.lookup(ctx, &r, "v2", "payments", "refunds", id)
	if err != nil {
		return providers.RefundStatus{}, err
	}
	if r.ID != nil && !strings.EqualFold(string(*r.ID), id) {
		return providers.RefundStatus{}, &providers.LookupError{Code: providers.CodeUnreadable, Message: "the answer is about another refund"}
	}
	var s providers.RefundStatus
	if r.Status != nil {
		s.Raw = a.client.Code(string(*r.Status), hide)
		s.Progress = progress[strings.ToLower(string(*r.Status))]
	}
	if r.Currency != nil {
		s.Minor = r.Amount.Minor(refund.Currency(strings.ToUpper(string(*r.Currency))))
	}
	return s, nil
}

// progress is what the statuses of a refund mean (maib's documentation of the
// lookup); Accepted is the completed one.
var progress = map[string]providers.Progress{
	"created":   providers.Pending,
	"requested": providers.Pending,
	"accepted":  providers.Done,
	"rejected":  providers.Rejected,
	"manual":    providers.Manual,
}

// Probe asks for a new token.
func (a *account) Probe(ctx context.Context) error {
	if _, fail := a.tokens.renew(ctx); fail != nil {
		return fail.Lookup()
	}
	return nil
}

// lookup reads the result of a GET into result, and returns the token that it
// took. A token that had run out is renewed, and the lookup repeated, once.
func (a *account) lookup(ctx context.Context, result any, path ...string) (providers.Secret, error) {
	t, fail := a.tokens.get(ctx)
	if fail != nil {
		return t.value, fail.Lookup()
	}
	got, r, err := a.ask(ctx, t, false, path)
	if err == nil && unauthorized(got, r) && !t.fresh {
		a.tokens.drop(t)
		if t, fail = a.tokens.get(ctx); fail != nil {
			return t.value, fail.Lookup()
		}
		got, r, err = a.ask(ctx, t, true, path)
	}
	switch {
	case err != nil:
		return t.value, err
	case unauthorized(got, r):
		a.tokens.drop(t)
		return t.value, a.lookupError(got, r, providers.Misconfigured, t.value)
	case got.Status == http.StatusNotFound, got.Status == http.StatusMethodNotAllowed:
		e := a.lookupError(got, r, providers.Unknown, t.value)
		e.Unsupported = true
		return t.value, e
	case r.refusal() && !got.ServerError():
		e := a.lookupError(got, r, providers.Unknown, t.value)
		if r.class() == misconfigured {
			e.Kind = providers.Misconfigured
		} else {
			e.Unsupported = r.class() != internal
		}
		return t.value, e
	case !got.OK() || !r.answered() || len(r.Result) == 0 || r.Result[0] != '{' || json.Unmarshal(r.Result, result) != nil:
		return t.value, a.lookupError(got, r, providers.Unknown, t.value)
	}
	return t.value, nil
}

func (a *account) lookupError(got providers.Answer, r reply, kind providers.Kind, hide providers.Secret) *providers.LookupError {
	e := r.failure(a.client, got, hide).Lookup()
	e.Kind = kind
	return e
}

// ask makes one GET. It has no Content-Type: the gateway rejects one on a
// request without a body.
func (a *account) ask(ctx context.Context, t token, extra bool, path []string) (providers.Answer, reply, error) {
	got, fail := a.client.Ask(ctx, providers.Call{
		Operation: "status",
		Method:    http.MethodGet,
		URL:       a.client.URL(path...),
		Header:    http.Header{"Authorization": {"Bearer " + t.value.Reveal()}, "Accept": {"application/json"}},
		Extra:     extra,
		Hide:      []providers.Secret{t.value},
	})
	if fail != nil {
		return got, reply{}, fail.Lookup()
	}
	return got, read(got.Body), nil
}
