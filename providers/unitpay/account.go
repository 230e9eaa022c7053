package unitpay

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

// sameAmountGuard is how long UnitPay refuses the same amount for the same
// payment (its refund documentation, "in case of a partial refund").
const sameAmountGuard = 30 * time.Minute

type account struct {
	client *providers.Client
	secret providers.Secret
	nested bool
	test   bool
}

// Open returns the account for the settings.
func (Driver) Open(s providers.Settings) (providers.Account, error) {
	client, err := providers.NewClient(s)
	if err != nil {
		return nil, err
	}
	if s.Secrets[keySecret].Empty() {
		return nil, errors.New(keySecret + " is required")
	}
	return &account{client: client, secret: s.Secrets[keySecret], nested: s.Texts[keyStyle] != "flat", test: s.Flags[keyTest]}, nil
}

// SameAmountGuard returns half an hour.
func (a *account) SameAmountGuard() time.Duration { return sameAmountGuard }

// Close closes idle connections.
func (a *account) Close() error {
	a.client.Close()
	return nil
}

// Refund calls refundPayment once.
func (a *account) Refund(ctx context.Context, at providers.Attempt) providers.Outcome {
	params := append(make([]param, 0, 8), param{"paymentId", at.PaymentID})
	if !at.Full {
		// Without sum UnitPay refunds the whole payment, so a part without an
		// amount must never be sent.
		if at.Minor <= 0 {
			return notSent("the amount of a partial refund is missing")
		}
		sum, ok := twoDecimals(refund.Money{Minor: at.Minor, Currency: at.Currency})
		if !ok {
			return notSent("the amount has more than two decimals")
		}
		params = append(params, param{"sum", sum})
	}
	if r := at.Receipt; r != nil {
		items, err := cashItems(r)
		if err != nil {
			return notSent("the receipt cannot be encoded")
		}
		params = append(params, param{"cashItems", items})
		if r.CustomerEmail != "" {
			params = append(params, param{"customerEmail", r.CustomerEmail})
		}
		if r.CustomerPhone != "" {
			params = append(params, param{"customerPhone", r.CustomerPhone})
		}
	}
	answer, fail := a.client.Send(ctx, at.Deadline, a.call("refund", "refundPayment", params))
	if fail != nil {
		return fail.Outcome()
	}
	return a.outcome(answer)
}

func notSent(why string) providers.Outcome {
	return providers.Outcome{Kind: providers.Unavailable, Code: providers.CodeNotSent, Message: why}
}

// twoDecimals is the amount as UnitPay writes it; ok is false if it has more.
func twoDecimals(m refund.Money) (sum string, ok bool) {
	if exponent, known := m.Currency.Exponent(); known && exponent == 2 {
		return m.String(), true
	}
	d := m.Decimal()
	return d.StringFixed(2), d.Equal(d.Truncate(2))
}

// param is a parameter; its name is made of letters.
type param struct{ name, value string }

var accept = http.Header{"Accept": {"application/json"}}

// call builds the GET request: the method first, the secret last, brackets
// percent-encoded as existing clients send them.
func (a *account) call(operation, method string, params []param) providers.Call {
	if a.test {
		params = append(params, param{"test", "1"})
	}
	params = append(params, param{"secretKey", a.secret.Reveal()})
	var query strings.Builder
	query.Grow(256) // what a refund without a receipt takes
	query.WriteString("method=")
	query.WriteString(method)
	before, behind := "&", "="
	if a.nested {
		before, behind = "&params%5B", "%5D="
	}
	for _, p := range params {
		query.WriteString(before)
		query.WriteString(p.name)
		query.WriteString(behind)
		query.WriteString(url.QueryEscape(p.value))
	}
	u := a.client.URL()
	u.RawQuery = query.String()
	return providers.Call{Operation: operation, Method: http.MethodGet, URL: u, Header: accept}
}
