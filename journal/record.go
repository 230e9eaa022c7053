package journal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

// Record is a refund as the journal holds it. Amounts are in minor units;
// pointers are nil where a figure is not known, which never means zero.
type Record struct {
	ID        string
	Provider  string
	PaymentID string
	Digest    string // of the content that counts
	Token     string // of the last change, so that its author knows it again
	Account   string // fingerprint of the account that the first attempt went to
	Asked     string // the amount as asked; empty: full
	Amount    *int64 // nil: full
	Total     *int64 // the payment's total as stated with this refund; nil: not stated
	Frozen    *int64 // what a full refund came to, from the provider's own figure
	Currency  refund.Currency
	Reason    string
	Receipt   *refund.Receipt
	Metadata  string // JSON
	Bulk      bool
	Trace     string // W3C traceparent of the span that took it in; empty: it is in no trace
	// RequestedBy is who asked for it, as far as anybody said; ApprovedBy who let
	// it go beyond its provider's limits.
	RequestedBy, ApprovedBy string
	Day                     string // whose limit it counts into since its first attempt; empty: none's

	State            refund.State
	Version          int64
	Seq              int64
	Created, Updated time.Time
	Since            time.Time // in this state
	Due              time.Time // next action; zero: none
	Deadline         time.Time // of the running attempt
	Why              string    // what it waits for, one line
	ReasonCode       string
	Refusal          string // JSON, of a foreign task that was refused
	ProviderRefundID string
	Moved            *int64
	Settled          time.Time // since when, of a final state
	WindowEnds       time.Time
	Erased           time.Time // when a person's data was removed; zero: never

	Attempts      int
	FirstAttempt  time.Time
	FirstFailed   time.Time // when a lookup failed first, before any attempt
	AttemptEnd    time.Time // when the last attempt ended, or its deadline
	PausedBefore  time.Duration
	Baseline      *int64    // refunded and requested before the first unproven attempt, or the last one
	BasePending   int64     // of the baseline, requested only
	Unproven      bool      // an attempt was ever unknown
	Lost          bool      // an attempt was unknown for want of an answer, not for an unclear refusal
	Refused       bool      // the last attempt got a refusal of unclear meaning
	FirstUnproven time.Time // when the first unproven attempt started
	// By the wall clocks of the workers, not by Redis's: when the last attempt
	// started and ended, when the first unproven one started, and when an accepted
	// one was rejected; zero where it does not matter.
	WallStart, WallEnd, WallFirst, WallSettled time.Time

	Guarded      bool      // the next attempt relies on the provider's own same-amount refusal
	Risk         bool      // a person accepted the risk of the next attempt
	Known        bool      // the provider proved that it has the request (a callback)
	Partial      bool      // one part moved and another did not
	ByTotal      bool      // success was proven by the payment's total alone
	LagSince     time.Time // since when the provider counts less than the journal knows; zero: it does not
	Denied       time.Time // since when lookups are refused for the credentials; zero: they are not
	Contradicted string    // evidence against the final state
	Resends      int
	Tries        int // failed tries after unclear refusals
	Fails        int // tries in a row that did not count
	Lookups      int // since the last attempt
	Request      *RetryRequest

	Now      time.Time     // Redis's clock when this was read
	Epoch    string        // the payment's, when this was read; empty in a list
	Took     time.Duration // of the last lookup about it by whoever holds this; not stored
	Restored bool          // the journal was restored from a backup and is not cleared yet
	// RestoredAt is when, at the latest; what was sent before may be unknown to
	// the journal and still be on its way.
	RestoredAt time.Time
	mark       string  // as it is written
	untold     *untold // what is to be told of the change that made it this, where that is known
	compared   bool    // the next attempt starts only where the provider counts what the journal knows
	fields     map[string]string
}

// RetryRequest is an operator's wish to try a refund in review again.
type RetryRequest struct {
	By         string `json:"by"`
	Note       string `json:"note"`
	AcceptRisk bool   `json:"accept_risk"`
}

// Send is the amount of the next attempt, in minor units; false for a full
// refund whose amount is not known.
func (r *Record) Send() (int64, bool) {
	switch {
	case r.Amount != nil:
		return *r.Amount, true
	case r.Frozen != nil:
		return *r.Frozen, true
	}
	return 0, false
}

// TakenOn reports whether the provider has shown that it has the request of an
// attempt: it gave an id, accepted it, called back, or counts it as requested.
// Such an attempt may still be paid, however long ago it was.
func (r *Record) TakenOn() bool {
	return r.ProviderRefundID != "" || r.Known || r.ByTotal || r.attempt(r.Attempts).Outcome == providers.Accepted.String()
}

// TraceID is the id of the trace that the refund is in, 32 hexadecimal digits;
// empty: none.
func (r *Record) TraceID() string {
	_, rest, _ := strings.Cut(r.Trace, "-")
	id, _, _ := strings.Cut(rest, "-")
	return id
}

// Full reports whether all that is left of the payment was asked for.
func (r *Record) Full() bool { return r.Amount == nil }

// Money renders minor units in major units of the refund's currency.
func (r *Record) Money(minor int64) string {
	return refund.Money{Minor: minor, Currency: r.Currency}.String()
}

// MetadataMap returns the order system's own ids.
func (r *Record) MetadataMap() map[string]string {
	var m map[string]string
	if json.Unmarshal([]byte(r.Metadata), &m) != nil {
		return nil
	}
	return m
}

// Counts reports whether the refund counts for its payment: one that was declined
// or canceled does not, unless evidence has come up that it was paid; then it does
// while it holds its window, which is the time to look.
func (r *Record) Counts() bool {
	return r.State != refund.Declined && r.State != refund.Canceled || r.Contradicted != "" && r.WindowEnds.After(r.Now)
}

// HoldsWindow reports whether no equal refund of the payment may be taken in.
func (r *Record) HoldsWindow() bool {
	return !r.State.Terminal() || r.Counts() && r.WindowEnds.After(r.Now)
}

func (r *Record) place() string { return placeOf(r.Provider, r.PaymentID) }

func parse(now string, f map[string]string, epoch, restored string) (*Record, error) {
	p := parser{f: f}
	r := &Record{ID: f["id"], Provider: f["provider"], PaymentID: f["payment"], Digest: f["digest"], Token: f["token"], Account: f["account"],
		Asked: f["asked"], Amount: p.minor("amount"), Total: p.minor("total"), Frozen: p.minor("frozen"), Currency: refund.Currency(f["currency"]),
		Reason: f["reason"], Metadata: f["metadata"], Bulk: f["bulk"] == "1", Trace: f["trace"],
		RequestedBy: f["requested_by"], ApprovedBy: f["approved_by"], Day: f["day"],
		State: refund.State(f["state"]), Version: p.number("ver"), Seq: p.number("seq"),
		Created: p.entered(), Updated: p.time("updated"), Since: p.time("since"), Due: p.time("due"),
		Deadline: p.time("deadline"), Why: f["why"], ReasonCode: f["reason_code"], Refusal: f["refusal"],
		ProviderRefundID: f["provider_refund_id"], Moved: p.minor("moved"),
		WindowEnds: p.time("window_ends"), Erased: p.time("erased"), Attempts: int(p.number("attempts")), FirstAttempt: p.time("first_attempt"),
		FirstFailed: p.time("first_failed"), AttemptEnd: p.time("attempt_end"), PausedBefore: time.Duration(p.number("paused_before")) * time.Millisecond,
		Baseline: p.minor("baseline"), BasePending: p.number("base_pending"), Unproven: f["unproven"] == "1", Lost: f["lost"] == "1", Refused: f["refused"] == "1",
		WallStart: p.time("start_wall"), WallEnd: p.time("end_wall"), WallFirst: p.time("first_wall"), WallSettled: p.time("settled_wall"),
		FirstUnproven: p.time("first_unproven"), Guarded: f["guarded"] == "1", Risk: f["risk"] == "1",
		Known: f["known"] == "1", Partial: f["partial"] == "1", ByTotal: f["by_total"] == "1",
		Denied: p.time("denied"), LagSince: p.time("lag_since"), Contradicted: f["contradicted"], Resends: int(p.number("resends")), Tries: int(p.number("tries")), Fails: int(p.number("fails")),
		Lookups: int(p.number("lookups")), Now: millis(now), Epoch: epoch, fields: f}
	// What would be the same twice is stored once.
	if f["seq"] == "" {
		r.Seq = r.Version
	}
	if r.Since.IsZero() {
		r.Since = r.Created
	}
	if r.Due.IsZero() && r.State == refund.Queued {
		r.Due = r.Since
	}
	if r.Asked == "" && r.Amount != nil {
		r.Asked = r.Money(*r.Amount)
	}
	if r.Updated.IsZero() {
		r.Updated = r.Since
	}
	if r.State.Terminal() {
		r.Settled = r.Since
	}
	if r.FirstAttempt.IsZero() {
		r.FirstAttempt = r.started(min(r.Attempts, 1))
	}
	r.marked(restored)
	p.json("receipt", &r.Receipt)
	p.json("request", &r.Request)
	if p.err == nil && !r.State.Valid() {
		p.err = fmt.Errorf("state %q is not known", f["state"])
	}
	if p.err != nil {
		return nil, fmt.Errorf("journal: record of refund %q is unreadable: %w", f["id"], p.err)
	}
	return r, nil
}

// marked sets what the bucket's mark of a restored backup says of the record, if there
// is one.
func (r *Record) marked(restored string) {
	if restored == "" {
		return
	}
	m := parseMark(restored)
	r.mark, r.RestoredAt, r.Restored = restored, m.at, m.covers(r.Created, r.AttemptStart())
	r.compared = r.Restored && !(r.Risk && !m.stands())
}

type parser struct {
	f   map[string]string
	err error
}

func (p *parser) number(name string) int64 {
	s := p.f[name]
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("field %s: %w", name, err)
	}
	return n
}

func (p *parser) minor(name string) *int64 {
	if p.f[name] == "" {
		return nil
	}
	n := p.number(name)
	return &n
}

func (p *parser) time(name string) time.Time {
	if p.f[name] == "" {
		return time.Time{}
	}
	return time.UnixMilli(p.number(name)).UTC()
}

// entered is when the refund was taken in, which its history begins with.
func (p *parser) entered() time.Time {
	ms, err := strconv.ParseInt(lineTime(p.f[entryField(1)]), 10, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("field %s: %w", entryField(1), err)
	}
	return time.UnixMilli(ms).UTC()
}

func (p *parser) json(name string, into any) {
	if s := p.f[name]; s != "" {
		if err := json.Unmarshal([]byte(s), into); err != nil && p.err == nil {
			p.err = fmt.Errorf("field %s: %w", name, err)
		}
	}
}

func millis(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
