package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"refundworker/refund"
)

// Taking says how a refund is to be taken in.
type Taking struct {
	AfterWindow   bool     // wait behind an occupied window instead of being refused
	OneRefund     bool     // the payment may have one refund only
	RecordRefusal bool     // enter a refused refund as declined: nobody waits for the answer
	Bulk          bool     // it came in a file and yields to others
	By            string   // for the history
	RequestedBy   string   // who must not be the one to approve it; empty: nobody knows
	Trace         string   // W3C traceparent that the refund's spans go on from; empty: none
	Refused       *Refusal // what stands with the claim; such an order stays refused
}

// Taken is what taking a refund in came to: a record, a refusal, or both for a
// refusal that was recorded. Conflict: the id stands for another content.
type Taken struct {
	Record   *Record
	Existing bool
	Conflict bool
	Refusal  *Refusal
}

// Take enters a checked order, whose id was claimed. Taking the same order
// again finds the first one.
func (j *Journal) Take(ctx context.Context, o refund.Order, t Taking) (Taken, error) {
	fields := map[string]string{
		"provider": o.Provider, "payment": o.PaymentID, "asked": o.Asked, "currency": string(o.Amount.Currency),
		"digest": o.Digest(), "reason": o.Reason, "amount": "", "total": "",
	}
	if !o.Full {
		fields["amount"] = strconv.FormatInt(o.Amount.Minor, 10)
	}
	if o.Total.Minor > 0 {
		fields["total"] = strconv.FormatInt(o.Total.Minor, 10)
	}
	if t.Bulk {
		fields["bulk"] = "1"
	}
	if t.RequestedBy != "" {
		fields["requested_by"] = t.RequestedBy
	}
	if t.Trace != "" {
		fields["trace"] = t.Trace
	}
	if o.Receipt != nil {
		fields["receipt"] = quote(o.Receipt)
	}
	if len(o.Metadata) > 0 {
		fields["metadata"] = quote(o.Metadata)
	}
	refused := ""
	if t.Refused != nil {
		refused = quote(t.Refused)
	}
	arg := quote(map[string]any{"refused": refused, "fields": fields, "after_window": t.AfterWindow, "one": t.OneRefund,
		"record_refusal": t.RecordRefusal, "keep": ms(j.options.Retention), "by": quote(t.By), "note": `""`})

	place := placeOf(o.Provider, o.PaymentID)
	key := recordKey(place, o.RefundID)
	got, err := parseReply(j.run.Run(ctx, key, takeScript, scriptKeys(key), o.RefundID, place, arg))
	if err != nil {
		return Taken{}, fmt.Errorf("journal: take refund: %w", err)
	}
	taken := Taken{Record: got.rec, Existing: got.word == "existing", Conflict: got.word == "conflict"}
	if got.word == "refused" {
		taken.Refusal = new(Refusal)
		if len(got.more) == 0 {
			return Taken{}, fmt.Errorf("journal: take refund: %w", errReply)
		}
		if err := json.Unmarshal([]byte(got.more[0]), taken.Refusal); err != nil {
			return Taken{}, fmt.Errorf("journal: take refund: %w", err)
		}
	}
	return taken, nil
}

// Get reads a refund by its id. An id that was refused at enqueue is
// ErrNotFound wrapped in a RefusedError.
func (j *Journal) Get(ctx context.Context, id string) (*Record, error) {
	place, refusal, err := j.place(ctx, id)
	if err != nil {
		return nil, err
	}
	provider, payment := splitPlace(place)
	rec, err := j.Load(ctx, provider, payment, id)
	if errors.Is(err, ErrNotFound) && refusal != nil {
		return nil, &RefusedError{ID: id, Refusal: *refusal}
	}
	return rec, err
}

// Load reads a refund whose payment is known: one round trip.
func (j *Journal) Load(ctx context.Context, provider, payment, id string) (*Record, error) {
	key := recordKey(placeOf(provider, payment), id)
	got, err := parseReply(j.run.RunPlain(ctx, key, loadScript, scriptKeys(key), id))
	if err != nil {
		return nil, fmt.Errorf("journal: load refund: %w", err)
	}
	if got.rec == nil {
		return nil, ErrNotFound
	}
	return got.rec, nil
}

// RefusedError says that a refund id was refused when it was enqueued.
type RefusedError struct {
	ID      string
	Refusal Refusal
}

// Error names the rule and, for a duplicate, the other refund.
func (e *RefusedError) Error() string {
	if e.Refusal.ExistingID != "" {
		return fmt.Sprintf("refund %s was refused as a %s of %s", e.ID, e.Refusal.Rule, e.Refusal.ExistingID)
	}
	return fmt.Sprintf("refund %s was refused by the rule %s", e.ID, e.Refusal.Rule)
}

// Unwrap makes a refused id ErrNotFound.
func (e *RefusedError) Unwrap() error { return ErrNotFound }

// quote encodes a value that is always encodable.
func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("journal: " + err.Error())
	}
	return string(b)
}
