package maib

import (
	"encoding/json"
	"strings"

	"refundworker/providers"
)

// refundResult is the result of a refund.
type refundResult struct {
	RefundID *providers.Scalar `json:"refundId"`
	Status   *providers.Scalar `json:"status"`
}

// said is the outcome with maib's own code and message, and nothing decided.
func (a *account) said(got providers.Answer, r reply, hide []providers.Secret) providers.Outcome {
	return r.failure(a.client, got, hide...).Outcome()
}

// outcome reads an answer to a refund that was not refused for its token.
func (a *account) outcome(got providers.Answer, r reply, hide []providers.Secret) providers.Outcome {
	var result refundResult
	readable := r.wellFormed && (r.Result == nil || json.Unmarshal(r.Result, &result) == nil)
	if !readable {
		return got.Unread().Outcome()
	}
	out := a.said(got, r, hide)
	if result.RefundID != nil {
		// Even beside an error: an id proves that maib has the refund.
		if id, ok := usableID(string(*result.RefundID)); ok {
			out.ProviderRefundID = id
		}
	}
	switch {
	case got.ServerError():
	case r.refusal():
		a.refuse(&out, r)
	case got.OK() && r.ok() && r.Result != nil:
		a.accept(&out, result, hide)
	}
	return out
}

func (a *account) refuse(out *providers.Outcome, r reply) {
	switch r.class() {
	case declined:
		out.Kind = providers.Declined
	case misconfigured:
		out.Kind = providers.Misconfigured
	case internal:
	default: // 12000 and 12001 among them: they do not say which parameter
		out.Refused = true
	}
}

// accept reads a result that maib calls ok. Only the status Accepted means that
// the refund is complete; Created means that it was recorded.
func (a *account) accept(out *providers.Outcome, result refundResult, hide []providers.Secret) {
	var word string
	if result.Status != nil {
		word = a.client.Code(string(*result.Status), hide...)
	}
	known := true
	switch strings.ToLower(word) {
	case "accepted":
		out.Kind = providers.Succeeded
	case "rejected":
		out.Kind = providers.Declined
	case "created", "requested", "manual": // manual: the status, asked later, says so again
		out.Kind = providers.Accepted
	default:
		known = false
		if out.ProviderRefundID != "" {
			out.Kind = providers.Accepted
		}
	}
	switch {
	case known:
		out.Code, out.Message = word, "maib says "+word
	case out.Kind == providers.Accepted:
		out.Code, out.Message = "", strings.TrimSpace("recorded by maib; status "+word)
	}
}
