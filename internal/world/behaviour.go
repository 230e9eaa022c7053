package world

import (
	"fmt"
	"time"

	"refundworker/providers"
)

// Behaviour is what one refund call comes to at the company and what it answers.
type Behaviour struct {
	Name    string
	Moves   bool              // money moves, unless the company's own rules refuse
	After   time.Duration     // when, from the call
	Works   time.Duration     // how long the company then works on it; 0: done at once
	Rejects bool              // it drops it instead, after Works
	Silent  bool              // no answer comes
	Part    int64             // of a Partial answer: how much moved
	Answer  providers.Outcome // else; ProviderRefundID "new" is replaced by an id
}

// Succeed moves the money and says so.
func Succeed() Behaviour {
	return Behaviour{Name: "succeed", Moves: true, Answer: providers.Outcome{Kind: providers.Succeeded}}
}

// LoseAnswer moves the money and says nothing.
func LoseAnswer() Behaviour { return Behaviour{Name: "lose-answer", Moves: true, Silent: true} }

// LoseRequest never hears of it, and the caller hears nothing.
func LoseRequest() Behaviour { return Behaviour{Name: "lose-request", Silent: true} }

// Late says nothing and moves the money later.
func Late(after time.Duration) Behaviour {
	return Behaviour{Name: "late", Moves: true, After: after, Silent: true}
}

// Decline refuses for good.
func Decline() Behaviour {
	return Behaviour{Name: "decline", Answer: providers.Outcome{Kind: providers.Declined, Code: "no", Message: "refused for good"}}
}

// Refuse refuses with a code of several meanings.
func Refuse() Behaviour {
	return Behaviour{Name: "refuse", Answer: providers.Outcome{Kind: providers.Unknown, Refused: true, Code: "unclear", Message: "refused"}}
}

// Accept records the refund and is done with it after a while; with an id of
// its own to ask by, or without.
func Accept(works time.Duration, withID bool) Behaviour {
	return Behaviour{Name: "accept", Moves: true, Works: works, Answer: accepted(withID)}
}

// AcceptThenReject records the refund and rejects it after a while.
func AcceptThenReject(works time.Duration, withID bool) Behaviour {
	return Behaviour{Name: "accept-reject", Moves: true, Works: works, Rejects: true, Answer: accepted(withID)}
}

func accepted(withID bool) providers.Outcome {
	o := providers.Outcome{Kind: providers.Accepted}
	if withID {
		o.ProviderRefundID = "new"
	}
	return o
}

// SlowDown answers 429.
func SlowDown(retryAfter time.Duration) Behaviour {
	return Behaviour{Name: "429", Answer: providers.Outcome{Kind: providers.RateLimited, Code: "http_429", RetryAfter: retryAfter}}
}

// Break answers 500, with or without having moved the money.
func Break(moves bool) Behaviour {
	return Behaviour{Name: fmt.Sprintf("500-moves-%t", moves), Moves: moves, Answer: providers.Outcome{Code: "http_500"}}
}

// NotSent is a connection that never came about.
func NotSent() Behaviour {
	return Behaviour{Name: "not-sent", Answer: providers.Outcome{Kind: providers.Unavailable, Code: providers.CodeNotSent}}
}

// Misconfigured refuses the credentials.
func Misconfigured() Behaviour {
	return Behaviour{Name: "misconfigured", Answer: providers.Outcome{Kind: providers.Misconfigured, Code: "http_401"}}
}

// Partly moves only so much of the amount, in minor units, and says so.
func Partly(minor int64) Behaviour {
	return Behaviour{Name: "partly", Moves: true, Part: minor, Answer: providers.Outcome{Kind: providers.Partial, Code: "partial"}}
}
