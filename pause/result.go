package pause

import "strings"

// Result is what a call said about the provider, as opposed to the payment. The
// zero Result is Nothing.
type Result struct {
	kind, detail, code string
	pass               Pass
}

// Nothing says that there was no call, or that it tells nothing about the
// provider. It gives a trial call back, so that the next caller may make it.
func Nothing() Result { return Result{} }

// Good says that the provider worked for us: it ends the runs of failures, and
// any pause but an operator's.
func Good() Result { return Result{kind: "good"} }

// Answered says that a lookup worked. It ends a run of failed lookups, and a
// pause for them or for the credentials; about refunds that get no answer, or
// are refused, it says nothing.
func Answered() Result { return Result{kind: "answered"} }

// Sick says that the provider did not answer a lookup properly: no connection, a
// timeout, a 5xx. Five in a row pause it.
func Sick(detail string) Result { return Result{kind: "sick", detail: detail} }

// Unanswered is Sick of a refund. A run with one in it, and the pause that
// follows, end by a refund's answer only: a provider whose lookups work while
// its refunds get lost must not be sent a thousand more.
func Unanswered(detail string) Result { return Result{kind: "unanswered", detail: detail} }

// Refusal says that the provider refused a call with this code, for a reason
// that need not lie in the payment. Twenty in a row with one code pause it. A
// refusal that is the payment's own affair is Good.
func Refusal(code, detail string) Result {
	return Result{kind: "refusal", code: code, detail: detail}
}

// Credentials says that the provider refuses the credentials. It pauses at
// once, so the caller must be sure that nothing says that they work
// (Status.LastGood, a probe).
func Credentials(detail string) Result { return Result{kind: "credentials", detail: detail} }

// Of says which Enter let the call through. A failure under a pause then counts
// as the trial call's only if it is: without Of, a call that was under way when
// the pause began may be taken for it, and put the next trial off by one step.
// Only with Of can Report leave out what would change nothing.
func (r Result) Of(p Pass) Result {
	r.pass = p
	return r
}

// worked says that the call got what it was made for.
func (r Result) worked() bool { return r.kind == "good" || r.kind == "answered" }

// Texts that people write or that come from a provider are cut to this many
// bytes: they are read on one line of a table.
const maxText = 200

// short returns the text on one line and not too long.
func short(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
