package providers

import "time"

// Kind says what happened to one call of the refund endpoint.
type Kind int

// The kinds of outcome. The zero value is Unknown: what is not understood is
// not known.
const (
	// Unknown: the request may have been carried out. Anything after the first
	// byte was written that is not one of the others: timeout, reset, 5xx,
	// unreadable answer, an internal error; also a refusal whose meaning is not
	// certain (see Outcome.Refused).
	Unknown Kind = iota
	// Succeeded: money is on its way back.
	Succeeded
	// Accepted: the provider has recorded the refund and works on it.
	Accepted
	// Declined: refused for good, with one documented meaning; no money moved.
	Declined
	// Partial: one part moved and another did not.
	Partial
	// Unavailable: provably not executed, because nothing was sent (DNS,
	// connection refused, TLS) or the provider said so before any work.
	Unavailable
	// RateLimited: provably not executed, HTTP 429.
	RateLimited
	// Misconfigured: the provider refuses the credentials or the permission.
	Misconfigured
)

var kindNames = [...]string{"unknown", "succeeded", "accepted", "declined", "partial", "unavailable", "rate_limited", "misconfigured"}

// Good reports whether the provider answered as one that is well does, whatever it
// said.
func (k Kind) Good() bool {
	return k == Succeeded || k == Accepted || k == Declined || k == Partial
}

// String returns the name used in the journal, metrics and logs.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return kindNames[Unknown]
	}
	return kindNames[k]
}

// Outcome is what a driver says of one attempt. Its text fields are scrubbed of
// secrets and short enough to print anywhere.
type Outcome struct {
	Kind Kind
	// Refused, with Kind Unknown: the provider answered with a well-formed
	// refusal that has several meanings or no code. Its status must explain it.
	Refused bool
	// Code is the provider's own error code, or "http_502", "timeout" and the
	// like (see Code constants); Message one line for people.
	Code    string
	Message string
	// ProviderRefundID is the provider's id of this refund; empty if it gave none.
	ProviderRefundID string
	// RetryAfter is how long the provider asks us to wait; 0 if it did not.
	RetryAfter time.Duration
	// Moved is how much the provider says went back, in minor units; nil if it
	// did not say.
	Moved *int64
	// Parts of a Partial outcome.
	Parts []Part
}

// Part is one leg of a composite refund.
type Part struct {
	Operation string `json:"operation"`
	Minor     int64  `json:"minor"` // minor units
	Moved     bool   `json:"moved"`
	Reference string `json:"reference,omitempty"`
}

// Codes of outcomes and lookup errors that the transport itself finds. They
// stand beside the providers' own codes, so each says what it is.
const (
	CodeTimeout     = "timeout"       // no complete answer in time
	CodeReset       = "connection"    // the connection broke before a complete answer
	CodeNotSent     = "not_sent"      // DNS, refused, TLS: no byte of the request was written
	CodeTooLate     = "too_late"      // the attempt's deadline passed before the first byte
	CodeRedirect    = "redirect"      // a redirect, which is never followed
	CodeUnreadable  = "unreadable"    // an answer that is not what the protocol says
	CodeTooLarge    = "too_large"     // an answer over the size limit
	CodeUnsupported = "not_supported" // the lookup does not exist for this payment
)
