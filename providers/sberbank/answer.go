package sberbank

import (
	"fmt"
	"strconv"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

// The gateway's error codes for autoRefund.do (OpenAPI 1.0.7).
const (
	codeSuccess     = "0"
	codeNotANumber  = "1"
	codeParameter   = "4" // missing or wrong
	codeAccess      = "5" // access denied, wrong amount, no orderId: several meanings
	codeNoSuchOrder = "6"
	codeState       = "7" // wrong state, amount too high, system error: several meanings
)

type refundAnswer struct {
	Operations   []operation       `json:"operations"`
	ErrorCode    *providers.Scalar `json:"errorCode"` // ErrorCode is seen too; Go matches it
	ErrorMessage *providers.Scalar `json:"errorMessage"`
}

// operation is one leg of a refund: money, or loyalty points.
type operation struct {
	Name        providers.Scalar `json:"operation"`
	Amount      providers.Scalar `json:"amount"`     // minor units
	Successful  providers.Scalar `json:"successful"` // true or "true"
	Transaction providers.Scalar `json:"transactionId"`
}

// outcome reads the answer to a refund of so many minor units.
func (a *account) outcome(got providers.Answer, asked int64) providers.Outcome {
	var body refundAnswer
	if providers.Decode(got.Body, &body) != nil {
		return got.Unread().Outcome()
	}
	code, said := text(body.ErrorCode)
	parts, readable := a.parts(body.Operations)
	if !readable || !said && len(parts) == 0 {
		return got.Unread().Outcome()
	}
	out := got.Unread().Outcome()
	out.Parts = parts
	if said && code != codeSuccess {
		out.Code = a.client.Code(code)
		out.Message = "error " + out.Code
	}
	if message, ok := text(body.ErrorMessage); ok && message != "" {
		out.Message = a.client.Text(message)
	}
	if got.ServerError() {
		return out
	}
	success := !said || code == codeSuccess
	moved, legs := count(parts)
	switch {
	case moved > 0 && moved < legs: // whatever the code says
		sum := refunded(parts)
		out.Kind, out.Moved = providers.Partial, &sum
		if success {
			out.Code = codeSuccess
		}
		out.Message = fmt.Sprintf("%d of %d operations succeeded", moved, legs)
	case moved > 0 && success && got.OK():
		settle(&out, asked)
	case moved > 0: // success and failure at once
	case legs > 0 && success:
		out.Refused, out.Code, out.Message = true, codeSuccess, "no operation succeeded"
	case len(parts) > 0 && success: // operations, and none of them a refund
	case success && got.OK(): // no operations: the code alone says so
		out = providers.Outcome{Kind: providers.Succeeded, Code: codeSuccess}
	case success:
	default:
		refuse(&out, code)
	}
	return out
}

// settle is the outcome when every operation succeeded.
func settle(out *providers.Outcome, asked int64) {
	sum := refunded(out.Parts)
	if sum != asked {
		out.Code = providers.CodeUnreadable
		out.Message = fmt.Sprintf("the operations add up to %d minor units, not to the %d asked for", sum, asked)
		return
	}
	*out = providers.Outcome{Kind: providers.Succeeded, Code: codeSuccess, Moved: &sum}
}

func refuse(out *providers.Outcome, code string) {
	switch code {
	case codeNotANumber, codeParameter, codeNoSuchOrder:
		out.Kind = providers.Declined
	default: // codeAccess and codeState have several meanings; the others are not documented
		out.Refused = true
	}
}

// parts reads the operations; false if one of them is not as documented, so
// that nobody knows what moved.
func (a *account) parts(operations []operation) ([]providers.Part, bool) {
	var parts []providers.Part
	for _, o := range operations {
		minor, ok := minorUnits(string(o.Amount))
		successful := strings.ToLower(string(o.Successful))
		if !ok || o.Name == "" || successful != "true" && successful != "false" {
			return nil, false
		}
		parts = append(parts, providers.Part{
			Operation: a.client.Code(string(o.Name)),
			Minor:     minor,
			Moved:     successful == "true",
			Reference: a.client.Code(string(o.Transaction)),
		})
	}
	return parts, true
}

// count counts the legs of a refund, and those that moved. Other operations are
// none, and a leg of nothing can neither move nor fail to.
func count(parts []providers.Part) (moved, legs int) {
	for _, p := range parts {
		if !isRefund(p) || p.Minor == 0 {
			continue
		}
		legs++
		if p.Moved {
			moved++
		}
	}
	return moved, legs
}

func isRefund(p providers.Part) bool {
	return p.Operation == "REFUND_PAYMENT" || p.Operation == "REFUND_AWARD"
}

// refunded is the sum of the refund operations that succeeded.
func refunded(parts []providers.Part) (sum int64) {
	for _, p := range parts {
		if p.Moved && isRefund(p) {
			sum += p.Minor
		}
	}
	return sum
}

// minorUnits reads a whole number that a refund could amount to.
func minorUnits(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil && int64(n) <= refund.MaxMinor
}

func text(s *providers.Scalar) (string, bool) {
	if s == nil {
		return "", false
	}
	return string(*s), true
}
