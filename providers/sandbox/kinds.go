package sandbox

import (
	"bytes"
	"cmp"
	"net/http"
)

// kindFacts say how a kind of fault goes about it: whether the company does the
// work, what stands in for its answer, and how that travels.
type kindFacts struct {
	name    string
	effect  Effect
	works   bool                   // before the answer
	rewrite func(d delivery) reply // nil: the company's answer as it is
	deliver func(s *Server, d delivery)
	only    string // the one company that has it; empty for all
	help    string
}

func (k FaultKind) facts() kindFacts {
	if k < NoFault || k >= endOfFaults {
		return kindFacts{name: "unknown"}
	}
	return kinds[k]
}

// kinds is filled by init, since deliveries lead back to it.
var kinds [endOfFaults]kindFacts

func init() {
	kinds = [endOfFaults]kindFacts{
		NoFault:            {"none", AllMoves, true, nil, send, "", "nothing is wrong"},
		LostAnswer:         {"lost-answer", AllMoves, true, noAnswer, holdThenClose, "", "done, and the answer is lost"},
		ResetBefore:        {"reset-before", NothingMoves, false, noAnswer, reset, "", "the connection is reset before anything is done"},
		ResetAfter:         {"reset-after", AllMoves, true, noAnswer, reset, "", "done, and the connection is reset"},
		ServerErrorBefore:  {"5xx-before", NothingMoves, false, serverError(500), send, "", "a server error before anything is done"},
		ServerErrorAfter:   {"5xx-after", AllMoves, true, serverError(502), send, "", "done, and the answer is a server error"},
		HTMLBefore:         {"html-before", NothingMoves, false, webPage, send, "", "a web page instead of any work"},
		HTMLAfter:          {"html-after", AllMoves, true, webPage, send, "", "done, and the answer is a web page"},
		TruncatedAfter:     {"truncated", AllMoves, true, truncated, send, "", "done, and the answer breaks off"},
		GarbageAfter:       {"garbage", AllMoves, true, garbage, send, "", "done, and the answer is unreadable"},
		OversizedAfter:     {"oversized", AllMoves, true, oversized, send, "", "done, and the answer is huge"},
		TooManyRequests:    {"429", NothingMoves, false, tooMany(""), send, "", "too many requests, without Retry-After"},
		RetryAfter:         {"429-retry-after", NothingMoves, false, tooMany("1"), send, "", "too many requests, with Retry-After"},
		ServiceUnavailable: {"503", NothingMoves, false, serverError(503), send, "", "out of service before anything is done"},
		Slow:               {"slow", AllMoves, true, nil, sendLater, "", "done at once, and answered late"},
		WrongCredentials:   {"wrong-credentials", NothingMoves, false, refuse(refusedCredentials), send, "", "the credentials are refused"},
		Declined:           {"declined", NothingMoves, false, refuse(refusedForGood), send, "", "refused for good"},
		AmbiguousRefusal:   {"ambiguous-refusal", NothingMoves, false, refuse(refusedAmbiguously), send, "", "refused without saying why"},
		InternalBefore:     {"internal-before", NothingMoves, false, refuse(refusedInternal), send, "", "an internal error before anything is done"},
		InternalAfter:      {"internal-after", AllMoves, true, refuse(refusedInternal), send, "", "done, and the answer is an internal error"},
		LateEffect:         {"late-effect", MovesLater, false, noAnswer, holdThenWork, "", "no answer, and done after the client gave up"},
		Redirect:           {"redirect", NothingMoves, false, redirect, send, "", "sent to the same address again"},

		TrailingComma: {"trailing-comma", AllMoves, true, trailingComma, send, UnitPay, "done, and the answer has a comma too many"},

		RejectedLater:       {"rejected-later", NothingMoves, true, nil, send, Maib, "recorded, and rejected later"},
		ManualLater:         {"manual-later", NothingMoves, true, nil, send, Maib, "recorded, and left to a person later"},
		CallbackLate:        {"callback-late", AllMoves, true, nil, send, Maib, "done, and the callback is late"},
		CallbackTwice:       {"callback-twice", AllMoves, true, nil, send, Maib, "done, and the callback comes twice"},
		CallbackNever:       {"callback-never", AllMoves, true, nil, send, Maib, "done, and no callback comes"},
		ZeroRefundID:        {"zero-refund-id", AllMoves, true, nil, send, Maib, "done, and the refund id is all zeros"},
		RequestedNotCounted: {"requested-not-counted", AllMoves, true, nil, send, Maib, "done, and not counted while it is under way"},
		BareError:           {"bare-error", NothingMoves, false, bareError, send, Maib, "refused for good, with HTTP 200 and without ok"},

		PartialOutcome: {"partial", PartMoves, true, nil, send, Sberbank, "the money goes back, the points don't"},

		LookupsGone: {"lookups-gone", AllMoves, true, nil, send, "", "done, and the payment can't be looked up any more"},
	}
}

func noAnswer(delivery) reply { return reply{} }

func serverError(status int) func(delivery) reply {
	return func(d delivery) reply {
		code := d.f.statusOr(status)
		answer := newReply(code, "text/plain; charset=utf-8", []byte(d.f.bodyOr(http.StatusText(code)+"\n")))
		answer.retryAfter(d.f.RetryAfter)
		return answer
	}
}

func tooMany(retryAfter string) func(delivery) reply {
	return func(d delivery) reply {
		answer := newReply(http.StatusTooManyRequests, "text/html", []byte(d.f.bodyOr("<html><body>Too Many Requests</body></html>\n")))
		if retryAfter != "" {
			answer.retryAfter(cmp.Or(d.f.RetryAfter, retryAfter))
		}
		return answer
	}
}

func (r reply) retryAfter(value string) {
	if value != "" {
		r.header.Set("Retry-After", value)
	}
}

const somePage = `<!DOCTYPE html>
<html><head><title>Service</title></head><body><h1>We are working on it</h1></body></html>
`

func webPage(d delivery) reply {
	return newReply(d.f.statusOr(http.StatusOK), "text/html; charset=utf-8", []byte(d.f.bodyOr(somePage)))
}

func truncated(d delivery) reply {
	d.answer.incomplete = true
	return d.answer
}

func garbage(d delivery) reply {
	d.answer.body = []byte(d.f.bodyOr("\x1f\x8b\x00\xff{]not an answer\x00"))
	return d.answer
}

// oversized keeps the answer readable for whoever reads to the end: only a
// limit on the body tells it from a good one.
func oversized(d delivery) reply {
	d.answer.body = append(bytes.Repeat([]byte(" "), 8<<20), d.answer.body...)
	return d.answer
}

func refuse(why refusal) func(delivery) reply {
	return func(d delivery) reply { return d.c.company.refusal(why) }
}

func redirect(d delivery) reply {
	answer := newReply(d.f.statusOr(http.StatusTemporaryRedirect), "text/html", nil)
	answer.header.Set("Location", "http://"+d.r.Host+d.r.RequestURI)
	return answer
}

func (f Fault) statusOr(otherwise int) int {
	if f.Status >= 200 && f.Status <= 599 {
		return f.Status
	}
	return otherwise
}

func (f Fault) bodyOr(otherwise string) string {
	if f.Body != "" {
		return f.Body
	}
	return otherwise
}
