package maib

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"refundworker/providers"
)

// maib's error codes (its documentation, "errors").
const (
	codeInternal       = 10000
	codeCredentials    = 11000
	codeMerchantOff    = 14000
	firstRefusal       = 14003 // 14003 to 14016: not found, not refundable,
	lastRefusal        = 14016 // already refunded, amount too high
	statusAuthRejected = http.StatusUnauthorized
)

// class is what an error code means for a refund.
type class int

const (
	unclear class = iota
	internal
	credentials
	misconfigured
	declined
)

// reply is the envelope of every answer. wellFormed says that it is one.
type reply struct {
	Result     json.RawMessage `json:"result"`
	Ok         *bool           `json:"ok"`
	Errors     []fault         `json:"errors"`
	wellFormed bool
}

type fault struct {
	Code    providers.Scalar `json:"errorCode"`
	Message providers.Scalar `json:"errorMessage"`
}

func read(body []byte) reply {
	var r reply
	if providers.Decode(body, &r) != nil {
		return reply{}
	}
	if string(r.Result) == "null" {
		r.Result = nil
	}
	// The gateway in front answers {"supportId":"…"}: JSON, but not maib's.
	r.wellFormed = r.Result != nil || r.Ok != nil || len(r.Errors) > 0
	return r
}

// ok reports whether the answer says success and nothing else: maib has been
// seen to send errors without ok under HTTP 200.
func (r reply) ok() bool {
	return r.wellFormed && r.Ok != nil && *r.Ok && len(r.Errors) == 0
}

// answered reports whether a token or a lookup was answered: their documented
// answers show a result without ok.
func (r reply) answered() bool {
	return r.ok() || r.wellFormed && r.Ok == nil && r.Result != nil && len(r.Errors) == 0
}

// refusal reports whether the answer says failure and nothing else.
func (r reply) refusal() bool {
	return r.wellFormed && r.Result == nil && (r.Ok == nil || !*r.Ok) && len(r.Errors) > 0
}

// class is what all the errors mean, if they agree.
func (r reply) class() class {
	var all class
	for i, f := range r.Errors {
		c := classOf(string(f.Code))
		if i > 0 && c != all {
			return unclear
		}
		all = c
	}
	return all
}

// classOf goes by the number at the end: maib writes a code as 14005 and as
// maib.merchant.payments-14005.
func classOf(code string) class {
	digits := code[len(strings.TrimRight(code, "0123456789")):]
	number, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return unclear
	case number == codeInternal:
		return internal
	case number == codeCredentials:
		return credentials
	case number == codeMerchantOff:
		return misconfigured
	case number >= firstRefusal && number <= lastRefusal:
		return declined
	}
	return unclear
}

// unauthorized reports whether maib refused the call for its credentials: HTTP
// 401 that nothing contradicts, or code 11000.
func unauthorized(got providers.Answer, r reply) bool {
	if got.ServerError() {
		return false
	}
	if r.wellFormed && (r.ok() || len(r.Errors) > 0) {
		return r.refusal() && r.class() == credentials
	}
	return got.Status == statusAuthRejected
}

// failure is the answer as a lookup sees it when it is not a success.
func (r reply) failure(client *providers.Client, got providers.Answer, hide ...providers.Secret) *providers.Failure {
	f := got.Unread()
	if len(r.Errors) > 0 {
		f.Message = client.Text(string(r.Errors[0].Message), hide...)
		if code := client.Code(string(r.Errors[0].Code), hide...); code != "" {
			f.Code = code
		}
	}
	return f
}
