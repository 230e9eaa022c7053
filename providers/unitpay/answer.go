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

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *refusal        `json:"error"`
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
func read(body []byte) (answer, bool) {
	var a answer
	if providers.Decode(withoutTrailingCommas(body), &a) != nil {
		return a, false
	}
	if string(a.Result) == "null" {
		a.Result = nil
	}
	if a.Error != nil {
		// One that says success and failure at once says neither.
		return a, a.Result == nil && (a.Error.Code != nil || a.Error.Message != "")
	}
	return a, len(a.Result) > 0 && a.Result[0] == '{'
}

func (a *account) outcome(got providers.Answer) providers.Outcome {
	body, ok := read(got.Body)
	switch {
	case !ok:
		return got.Unread().Outcome()
	case body.Error != nil:
		return a.refused(got, body.Error)
	case !got.OK():
		return got.Unread().Outcome()
	}
	var result struct {
		Message providers.Scalar `json:"message"`
	}
	_ = json.Unmarshal(body.Result, &result) // any result object is success; the message is for people
	return providers.Outcome{Kind: providers.Succeeded, Message: a.client.Text(string(result.Message))}
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
