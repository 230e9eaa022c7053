package unitpay

import (
	"bytes"
	"encoding/json"

	"refundworker/providers"
)

// UnitPay's error codes (its API documentation, "error codes").
const (
	codeAuthorization = "-32000"
	codeParameters    = "-32602"
	codeInternal      = "-32603"
)

// answer is a result, an object R, or an error.
type answer[R any] struct {
	Result *R       `json:"result"`
	Error  *refusal `json:"error"`
}

// refunded is the result of a refund. Any object is success: what it says is for
// people, and must not make it unreadable.
type refunded struct {
	Message json.RawMessage `json:"message"`
}

func (r *refunded) message() string {
	var s providers.Scalar
	if r.Message == nil || s.UnmarshalJSON(r.Message) != nil {
		return ""
	}
	return string(s)
}

type refusal struct {
	Message providers.Scalar  `json:"message"`
	Code    *providers.Scalar `json:"code"` // may be absent
}

func (r *refusal) code() string {
	if r.Code == nil {
		return ""
	}
	return string(*r.Code)
}

// read decodes an answer that is either a result object or an error.
func read[R any](body []byte) (answer[R], bool) {
	var a answer[R]
	if providers.Decode(withoutTrailingCommas(body), &a) != nil {
		return a, false
	}
	if a.Error != nil {
		// One that says success and failure at once says neither.
		return a, a.Result == nil && (a.Error.Code != nil || a.Error.Message != "")
	}
	return a, a.Result != nil
}

func (a *account) outcome(got providers.Answer) providers.Outcome {
	body, ok := read[refunded](got.Body)
	switch {
	case !ok:
		return got.Unread().Outcome()
	case body.Error != nil:
		return a.refused(got, body.Error)
	case !got.OK():
		return got.Unread().Outcome()
	}
	return providers.Outcome{Kind: providers.Succeeded, Message: a.client.Text(body.Result.message())}
}

func (a *account) refused(got providers.Answer, r *refusal) providers.Outcome {
	out := providers.Outcome{Code: a.client.Code(r.code()), Message: a.client.Text(string(r.Message)), RetryAfter: got.RetryAfter}
	if got.ServerError() {
		if out.Code == "" {
			out.Code = got.Unread().Code
		}
		return out
	}
	switch r.code() {
	case codeParameters:
		out.Kind = providers.Declined
	case codeAuthorization:
		out.Kind = providers.Misconfigured
	case codeInternal:
	default:
		out.Refused = true
	}
	return out
}

// lookupError says why an answer that is an error gives no status.
func (a *account) lookupError(got providers.Answer, r *refusal) *providers.LookupError {
	e := &providers.LookupError{Code: a.client.Code(r.code()), Message: a.client.Text(string(r.Message)), RetryAfter: got.RetryAfter}
	switch {
	case got.ServerError() || r.code() == codeInternal:
	case r.code() == codeAuthorization:
		e.Kind = providers.Misconfigured
	default:
		e.Unsupported = true
	}
	if e.Code == "" {
		e.Code = providers.CodeUnsupported
	}
	return e
}

// withoutTrailingCommas takes out a comma before a closing brace: UnitPay's
// documentation prints one in the answer to a refund.
func withoutTrailingCommas(body []byte) []byte {
	if bytes.IndexByte(body, ',') < 0 {
		return body
	}
	out := make([]byte, 0, len(body))
	inString, escaped := false, false
	for i, b := range body {
		switch {
		case escaped:
			escaped = false
		case inString && b == '\\':
			escaped = true
		case b == '"':
			inString = !inString
		case b == ',' && !inString && bytes.HasPrefix(bytes.TrimLeft(body[i+1:], " \t\r\n"), []byte("}")):
			continue
		}
		out = append(out, b)
	}
	return out
}
