package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// FaultKind is a way to fail. NoFault, the zero value, is not one.
type FaultKind int

// The ways to fail. Each says what becomes of the money in Effect, and which
// companies have it in Companies.
const (
	NoFault FaultKind = iota

	LostAnswer         // the effect, then no answer; Delay: when the connection closes, else when the client gives up
	ResetBefore        // the connection is reset, nothing was done
	ResetAfter         // the effect, then the connection is reset
	ServerErrorBefore  // HTTP 5xx (Status, default 500), nothing was done
	ServerErrorAfter   // the effect, then HTTP 5xx (Status, default 502)
	HTMLBefore         // a web page instead of an answer (Status, default 200), nothing was done
	HTMLAfter          // the effect, then a web page instead of the answer
	TruncatedAfter     // the effect, then an answer that breaks off in the middle
	GarbageAfter       // the effect, then bytes that are no answer (Body, or the built-in)
	OversizedAfter     // the effect, then the answer behind 8 MiB of white space
	TooManyRequests    // HTTP 429 without Retry-After, nothing was done
	RetryAfter         // HTTP 429 with Retry-After (RetryAfter, default "1"), nothing was done
	ServiceUnavailable // HTTP 503 before any work, with Retry-After if RetryAfter is set
	Slow               // the effect, and the proper answer after Delay (default 1 s)
	WrongCredentials   // the company's refusal of credentials, whatever they were
	Declined           // a refusal with one documented meaning
	AmbiguousRefusal   // a refusal without a code, or with a code of several meanings
	InternalBefore     // the company's code for an internal error, nothing was done
	InternalAfter      // the effect, then the code for an internal error
	LateEffect         // no answer; the effect happens Delay after the client gave up
	Redirect           // HTTP 307 to the same address; who follows it calls again

	TrailingComma // unitpay: the documented answer with a comma too many

	RejectedLater       // maib: Created, then Rejected
	ManualLater         // maib: Created, then Manual
	CallbackLate        // maib: the callback comes Delay (default 5 s) after the money moved
	CallbackTwice       // maib: two callbacks
	CallbackNever       // maib: no callback
	ZeroRefundID        // maib: the answer has the all-zero id
	RequestedNotCounted // maib: requestedRefundAmount leaves this refund out
	BareError           // maib: a refusal with HTTP 200 and without "ok"

	PartialOutcome // sberbank: the money goes back, the points don't

	LookupsGone // the effect and the answer, and from now on no lookup of the payment

	endOfFaults
)

// Effect says what becomes of the money when a refund call that would have
// succeeded meets a fault.
type Effect int

// The effects.
const (
	NothingMoves Effect = iota // never, because of this call
	AllMoves                   // as without the fault
	PartMoves                  // one leg of it, if the payment has two; else nothing
	MovesLater                 // after the client gave up
)

// Faults lists every kind, for tests that go through them all.
var Faults = func() []FaultKind {
	var all []FaultKind
	for k := NoFault + 1; k < endOfFaults; k++ {
		all = append(all, k)
	}
	return all
}()

// Fault is one scripted failure.
type Fault struct {
	Kind       FaultKind
	Delay      time.Duration // as the kind says
	Status     int           // HTTP, as the kind says; 0 for its default
	RetryAfter string        // the header, as the kind says
	Body       string        // instead of the kind's own body; empty for that
	Times      int           // how many calls meet it; 0 means one, Forever all
}

// Forever as Fault.Times never ends.
const Forever = -1

// String returns the kind's name: "lost-answer".
func (k FaultKind) String() string { return k.facts().name }

// Help says in one line what happens.
func (k FaultKind) Help() string { return k.facts().help }

// Effect says what becomes of the money.
func (k FaultKind) Effect() Effect { return k.facts().effect }

// Companies returns the companies that can fail like this.
func (k FaultKind) Companies() []string {
	if only := k.facts().only; only != "" {
		return []string{only}
	}
	return slices.Clone(Companies)
}

// MarshalText returns the name.
func (k FaultKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *FaultKind) UnmarshalText(text []byte) error {
	for kind := NoFault; kind < endOfFaults; kind++ {
		if kind.String() == string(text) {
			*k = kind
			return nil
		}
	}
	return fmt.Errorf("%q is not a kind of fault", clip(string(text)))
}

type faultKey struct {
	company, payment, operation string
}

// faultQueues are the failures to come. The server's lock guards them.
type faultQueues struct {
	queued map[faultKey][]Fault
	down   map[string]Fault
}

// next takes the fault that the call meets: the company's outage before the
// payment's own faults, and those before the ones for any payment. A call that
// the company refuses anyhow uses up no queued fault.
func (q *faultQueues) next(c call) Fault {
	company := c.company.name()
	if f, down := q.down[company]; down {
		return f
	}
	if c.refused != nil {
		return Fault{}
	}
	for _, payment := range []string{keyOf(company, c.payment).id, ""} {
		key := faultKey{company, payment, c.operation}
		queue := q.queued[key]
		if len(queue) == 0 {
			continue
		}
		f := queue[0]
		switch {
		case f.Times > 1:
			queue[0].Times--
		case f.Times >= 0:
			q.queued[key] = queue[1:]
		}
		return f
	}
	return Fault{}
}

// Fail queues faults for the payment's next refund calls, one each; an empty
// paymentID means any payment of the company. A zero Fault lets a call through.
// It panics at a kind that the company doesn't have.
func (s *Server) Fail(company, paymentID string, faults ...Fault) {
	s.queue(company, paymentID, OpRefund, faults)
}

// FailLookups does what Fail does for lookups of the payment and its refunds.
func (s *Server) FailLookups(company, paymentID string, faults ...Fault) {
	s.queue(company, paymentID, OpStatus, faults)
}

// FailTokens does what Fail does for maib's token endpoint.
func (s *Server) FailTokens(faults ...Fault) { s.queue(Maib, "", OpToken, faults) }

func (s *Server) queue(company, paymentID, operation string, faults []Fault) {
	for _, f := range faults {
		f.mustSuit(company)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := faultKey{company, keyOf(company, paymentID).id, operation}
	s.faults.queued[key] = append(slices.Clone(s.faults.queued[key]), faults...)
}

// Down makes every call of the company fail, tokens included, until it is
// called with nil.
func (s *Server) Down(company string, fault *Fault) {
	if fault != nil {
		fault.mustSuit(company)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault == nil {
		delete(s.faults.down, company)
		return
	}
	s.faults.down[company] = *fault
}

// ClearFaults forgets all faults that are still to come.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults.queued)
	clear(s.faults.down)
}

func (f Fault) suits(company string) error {
	if f.Kind < NoFault || f.Kind >= endOfFaults || !slices.Contains(f.Kind.Companies(), company) {
		return fmt.Errorf("%s has no fault %q", clip(company), f.Kind)
	}
	return nil
}

func (f Fault) mustSuit(company string) {
	if err := f.suits(company); err != nil {
		panic("sandbox: " + err.Error())
	}
}
