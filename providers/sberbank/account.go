package sberbank

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"refundworker/providers"
)

type account struct {
	client         *providers.Client
	user, password providers.Secret
	language       string
}

// NeedsAmount returns true: the gateway has no "all that is left".
func (a *account) NeedsAmount() bool { return true }

// Close closes idle connections.
func (a *account) Close() error {
	a.client.Close()
	return nil
}

// Refund calls autoRefund.do once. A full refund whose amount is not known is
// not sent.
func (a *account) Refund(ctx context.Context, at providers.Attempt) providers.Outcome {
	if at.Minor <= 0 {
		why := "the amount of a partial refund is missing"
		if at.Full {
			why = "the amount of a full refund is not known"
		}
		return providers.Outcome{Kind: providers.Unavailable, Code: providers.CodeNotSent, Message: why}
	}
	got, fail := a.client.Send(ctx, at.Deadline, a.call("refund", "autoRefund.do", url.Values{
		"orderId":               {at.PaymentID},
		"compositeRefundAmount": {strconv.FormatInt(at.Minor, 10)},
		"language":              {a.language},
	}))
	if fail != nil {
		return fail.Outcome()
	}
	return a.outcome(got, at.Minor)
}

// call builds a form POST, although the gateway takes GET too: the password
// never stands in a URL.
func (a *account) call(operation, method string, form url.Values) providers.Call {
	form.Set("userName", a.user.Reveal())
	form.Set("password", a.password.Reveal())
	return providers.Call{
		Operation: operation,
		Method:    http.MethodPost,
		URL:       a.client.URL(method),
		Header:    http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}},
		Body:      []byte(form.Encode()),
	}
}
