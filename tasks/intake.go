package tasks

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

// intake takes refunds into the journal, in a fixed order of idempotent steps:
// claim the id, take the refund in, store a refusal with the claim.
type intake struct {
	journal   *journal.Journal
	providers map[string]config.Provider
	tracer    trace.Tracer // nil: no spans
}

func newIntake(b *Backend, cfg *config.Config) intake {
	in := intake{journal: b.Journal, providers: map[string]config.Provider{}, tracer: b.Tracer}
	for _, p := range cfg.Providers {
		in.providers[p.Name] = p
	}
	return in
}

// check validates a request against the rules of its provider.
func (in intake) check(r refund.Request) (refund.Order, error) {
	p, ok := in.providers[r.Provider]
	if !ok {
		var v refund.Invalid
		if r.Provider == "" {
			v.Add("provider", "is required")
		} else {
			v.Add("provider", fmt.Sprintf("%.64q is not configured", r.Provider))
		}
		if _, err := r.Check(anyPayment{}); err != nil {
			for _, f := range err.(refund.Invalid) {
				if f.Field != "provider" {
					v = append(v, f)
				}
			}
		}
		return refund.Order{}, v
	}
	o, err := r.Check(p.Driver)
	if err != nil || o.Receipt == nil {
		return o, err // without a receipt the fields' own limits keep it short
	}
	// A receipt that came in Go, or grows by escapes, may make a payload that no
	// worker would read.
	named := o
	if o.RefundID == "" { // it gets one when it has been checked
		named.RefundID = strings.Repeat("x", refund.MaxID)
	}
	b, err := Encode(named)
	if err != nil {
		return o, err
	}
	if len(b) > refund.MaxRequest {
		return o, refund.Invalid{{Field: "receipt", Rule: fmt.Sprintf("makes the request larger than %d bytes as JSON; shorten its items", refund.MaxRequest)}}
	}
	return o, nil
}

// anyPayment has no rules: it lets the other fields of a request for an unknown
// provider be checked.
type anyPayment struct{}

func (anyPayment) CanonicalPayment(id string) (string, error) { return id, nil }
func (anyPayment) CheckOrder(refund.Order) refund.Invalid     { return nil }

// answer is what taking one order in came to; rec is nil where there is no
// record of it.
type answer struct {
	receipt Receipt
	rec     *journal.Record
}

// admit claims and takes orders in. Where the error is nil there is an answer
// for each.
func (in intake) admit(ctx context.Context, list []journal.Asked) ([]answer, error) {
	for i := range list {
		list[i].Taking.OneRefund = in.providers[list[i].Order.Provider].OneRefundPerPayment
	}
	var spans []trace.Span
	if in.tracer != nil {
		spans = make([]trace.Span, len(list))
		for i := range list {
			o, t := list[i].Order, &list[i].Taking
			var inside context.Context
			inside, spans[i] = start(inTrace(ctx, t.Trace), in.tracer, "take", trace.SpanKindInternal, o.RefundID, o.Provider, o.PaymentID)
			if t.Trace == "" {
				t.Trace = traceparent(inside)
			}
		}
	}
	admitted, err := in.take(ctx, list)
	for i, span := range spans {
		var a answer
		if err == nil {
			a = admitted[i]
		}
		if span.IsRecording() {
			span.SetAttributes(attribute.String("status", string(a.receipt.Status)), attribute.String("rule", a.receipt.Rule))
		}
		end(span, a.rec, err)
	}
	return admitted, err
}

func (in intake) take(ctx context.Context, list []journal.Asked) ([]answer, error) {
	entered, err := in.journal.Enter(ctx, list)
	if err != nil {
		return nil, err
	}
	admitted := make([]answer, len(list))
	for i, e := range entered {
		if admitted[i], err = in.answer(ctx, list[i], e); err != nil {
			return nil, err
		}
	}
	return admitted, nil
}

// answer says what entering an order came to.
func (in intake) answer(ctx context.Context, a journal.Asked, e journal.Entered) (answer, error) {
	o, claimed, taken := a.Order, e.Claimed, e.Taken
	receipt := Receipt{RefundID: o.RefundID}
	switch {
	case claimed.Conflict:
		receipt.Status, receipt.Message = Conflict, "this refund id stands for another payment or other content; use a new id"
	case claimed.Refusal != nil && !a.Taking.RecordRefusal:
		return answer{receipt: refused(receipt, *claimed.Refusal)}, nil
	case claimed.Expired:
		rec, err := in.journal.Load(ctx, o.Provider, o.PaymentID, o.RefundID)
		if err == journal.ErrNotFound {
			receipt.Status, receipt.Message = Conflict, "this refund id was used long ago and its record is gone; use a new id"
			return answer{receipt: receipt}, nil
		}
		if err != nil {
			return answer{}, err
		}
		receipt.Status, receipt.State = Existing, rec.State
		return answer{receipt, rec}, nil
	case taken.Conflict:
		receipt.Status, receipt.Message = Conflict, "this refund id stands for other content; use a new id"
	case taken.Refusal != nil && taken.Record == nil:
		return answer{receipt: refused(receipt, *taken.Refusal)}, nil
	default:
		receipt.Status, receipt.State = Queued, taken.Record.State
		if taken.Existing {
			receipt.Status = Existing
		}
		return answer{receipt, taken.Record}, nil
	}
	return answer{receipt: receipt}, nil
}

func refused(r Receipt, why journal.Refusal) Receipt {
	r.Rule, r.Message = why.Rule, why.Detail
	if why.Rule != "duplicate" {
		r.Status = Invalid
		return r
	}
	r.Status, r.ExistingID, r.State = Duplicate, why.ExistingID, refund.State(why.ExistingState)
	if r.Message == "" {
		r.Message = "the same payment and amount is being refunded, or was within the window, by " + strconv.Quote(why.ExistingID)
	}
	if ends := why.WindowEndsAt(); !ends.IsZero() {
		r.WindowEndsAt = &ends
	}
	return r
}

// Status says what enqueueing a refund came to.
type Status string

// The statuses.
const (
	Queued    Status = "queued"    // taken in
	Existing  Status = "existing"  // the same id with the same content: the same refund
	Duplicate Status = "duplicate" // the window of another refund is in the way
	Conflict  Status = "conflict"  // the id stands for something else
	Invalid   Status = "invalid"   // a rule is broken; see Rule
)

// Receipt is the answer to Enqueue.
type Receipt struct {
	RefundID     string         `json:"refund_id"`
	Status       Status         `json:"status"`
	State        refund.State   `json:"state,omitempty"` // of the refund, or of the one in the way
	ExistingID   string         `json:"existing_id,omitempty"`
	WindowEndsAt *time.Time     `json:"window_ends_at,omitempty"` // nil while the other refund is open
	Rule         string         `json:"rule,omitempty"`
	Message      string         `json:"message,omitempty"`
	Faults       refund.Invalid `json:"faults,omitempty"`
}
