package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// The operations that calls are counted by.
const (
	OpRefund = "refund"
	OpStatus = "status" // a lookup of a payment or of a refund
	OpToken  = "token"
	OpOther  = "other" // a call that the company's protocol doesn't have
)

// call is a request that a company has read.
type call struct {
	company   protocol
	operation string
	payment   string
	number    int64
	refused   *reply // answered before any work: credentials, method, parameters
	// work carries the call out and returns the company's answer. It runs once,
	// under the server's lock; the fault may bend what the company does.
	work func(number int64, f Fault) reply
}

// protocol is one company.
type protocol interface {
	name() string
	// read tells what is asked, without doing it. It runs under the lock.
	read(r *http.Request, body []byte) call
	// refusal is the company's way of saying no.
	refusal(why refusal) reply
}

// refusal is a reason to say no that faults can ask for.
type refusal int

const (
	refusedCredentials refusal = iota
	refusedForGood             // one documented meaning
	refusedAmbiguously         // no code, or a code of several meanings
	refusedInternal            // the company's own internal error
)

// reply is an answer as it stands on the wire.
type reply struct {
	status     int
	header     http.Header
	body       []byte
	incomplete bool // the connection breaks in the middle of the body
}

func newReply(status int, contentType string, body []byte) reply {
	return reply{status: status, header: http.Header{"Content-Type": {contentType}}, body: body}
}

// maxBody is the largest request body that is read.
const maxBody = 1 << 20

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/unitpay/api", s.company(s.unitpay))
	mux.Handle("/maib/", http.StripPrefix("/maib", s.company(s.maib)))
	mux.Handle("/sberbank/payment/rest/", http.StripPrefix("/sberbank/payment/rest", s.company(s.sberbank)))
	s.controlRoutes(mux)
	return mux
}

// ServeHTTP serves the companies at the paths of BaseURL, and the control
// interface, for loopback only, at /control/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		http.Error(w, "the sandbox is closed", http.StatusServiceUnavailable)
		return
	}
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	s.mux.ServeHTTP(w, r)
}

// company serves one company: read the call, find the fault it is to meet, do
// the work or not, and answer well or badly.
func (s *Server) company(p protocol) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "the request's body can't be read", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c, f, answer, line := s.exchange(p, r, body)
		if s.options.Log != nil {
			s.options.Log(line)
		}
		if d := s.options.Latency; d > 0 && !s.hold(r, d) {
			drop(w, false)
			return
		}
		f.Kind.facts().deliver(s, delivery{w, r, c, f, answer})
	})
}

// exchange is the part of a call that is one step for the ledger.
func (s *Server) exchange(p protocol, r *http.Request, body []byte) (call, Fault, reply, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c := p.read(r, body)
	c.company = p
	s.calls.last++
	c.number = s.calls.last
	f := s.faults.next(c)
	facts := f.Kind.facts()
	var answer reply
	switch {
	case c.refused != nil:
		answer = *c.refused
	case facts.works:
		answer = c.work(c.number, f)
		if r := s.ledger.find(p.name(), c.payment); r != nil && f.Kind == LookupsGone {
			r.NoLookup = true
		}
	}
	if facts.rewrite != nil {
		answer = facts.rewrite(delivery{r: r, c: c, f: f, answer: answer})
	}
	return c, f, answer, s.note(c, f, answer)
}

// Call is one call that a company got.
type Call struct {
	Number    int64     `json:"number"`
	At        time.Time `json:"at"`
	Company   string    `json:"company"`
	Operation string    `json:"operation"`
	Payment   string    `json:"payment,omitempty"`
	Status    int       `json:"status,omitempty"` // of HTTP; 0 if there was no answer
	Fault     FaultKind `json:"fault,omitempty"`
}

// callLog counts all calls and remembers the latest.
type callLog struct {
	last   int64
	counts map[[2]string]int // by company and operation
	recent []Call
}

// rememberedCalls bounds the log of calls.
const rememberedCalls = 1000

// note records the call and returns its line for people.
func (s *Server) note(c call, f Fault, answer reply) string {
	if s.calls.counts == nil {
		s.calls.counts = map[[2]string]int{}
	}
	company := c.company.name()
	s.calls.counts[[2]string{company, c.operation}]++
	entry := Call{c.number, s.options.Now(), company, c.operation, clip(c.payment), answer.status, f.Kind}
	s.calls.recent = append(s.calls.recent, entry)
	if len(s.calls.recent) > 2*rememberedCalls {
		s.calls.recent = append([]Call(nil), s.calls.recent[rememberedCalls:]...)
	}
	line := fmt.Sprintf("#%d %s %s %s", c.number, company, c.operation, entry.Payment)
	if answer.status != 0 {
		line += fmt.Sprintf(" HTTP %d", answer.status)
	}
	if r := s.ledger.find(company, c.payment); r != nil {
		for _, m := range r.movements {
			if m.Request == c.number {
				line += fmt.Sprintf(", moved %s %s of %s", r.amount(m.Minor), r.Currency, m.Leg)
			}
		}
	}
	if f.Kind != NoFault {
		line += fmt.Sprintf(", fault %s: %s", f.Kind, f.Kind.Help())
	}
	return line
}

// Calls returns how many calls of the operation (OpRefund, OpStatus, OpToken)
// the company got, refused ones included.
func (s *Server) Calls(company, operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.counts[[2]string{company, operation}]
}

// RecentCalls returns the latest calls, oldest first, a thousand of them at least
// if there were as many.
func (s *Server) RecentCalls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls.recent...)
}

// clip makes text from a caller fit to be printed.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
	if len(text) > 64 {
		return strings.ToValidUTF8(text[:64], "") + "…"
	}
	return text
}
