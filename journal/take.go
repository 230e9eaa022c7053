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
	place := placeOf(o.Provider, o.PaymentID)
	key := recordKey(place, o.RefundID)
	digest := o.Digest()
	got, err := parseReply(j.run.Run(ctx, key, takeScript, scriptKeys(key), j.takeArgs(nil, o, t, place, digest)...))
	return Asked{o, t}.taken(got, digest, err)
}

// takeArgs appends the arguments of take.lua.
func (j *Journal) takeArgs(args []any, o refund.Order, t Taking, place, digest string) []any {
	refused := ""
	if t.Refused != nil {
		refused = quote(t.Refused)
	}
	head, rest := entryHead(entryLine(refund.Queued, t.By, "", false))
	amount, total, receipt := figures(o)
	args = append(args, o.RefundID, place, j.options.Retention.Milliseconds(), t.how(), refused, head,
		o.Provider, o.PaymentID, string(o.Amount.Currency), digest, amount)
	field := func(name, value string) {
		if value != "" {
			args = store(args, name, value)
		}
	}
	if rest != "" {
		args = storeRest(args, entryField(1), rest)
	}
	if t.RecordRefusal || !o.Full && o.Asked != o.Amount.String() { // its event tells it
		field("asked", o.Asked)
	}
	field("total", total)
	field("reason", o.Reason)
	field("bulk", flag(t.Bulk))
	field("requested_by", t.RequestedBy)
	field("trace", t.Trace)
	field("receipt", receipt)
	if len(o.Metadata) > 0 {
		field("metadata", quote(o.Metadata))
	}
	return args
}

// figures are an order's amount, its payment's total and its receipt as they are stored.
func figures(o refund.Order) (amount, total, receipt string) {
	if !o.Full {
		amount = strconv.FormatInt(o.Amount.Minor, 10)
	}
	if o.Total.Minor > 0 {
		total = strconv.FormatInt(o.Total.Minor, 10)
	}
	if o.Receipt != nil {
		receipt = quote(o.Receipt)
	}
	return amount, total, receipt
}

// vouched are the fields of a record as it was taken in that its digest vouches for.
func vouched(o refund.Order, digest string) map[string]string {
	amount, total, receipt := figures(o)
	fields := make(map[string]string, 32) // with those of its attempt
	fields["id"], fields["provider"], fields["payment"], fields["currency"] = o.RefundID, o.Provider, o.PaymentID, string(o.Amount.Currency)
	fields["digest"], fields["amount"] = digest, amount
	if total != "" {
		fields["total"] = total
	}
	if receipt != "" {
		fields["receipt"] = receipt
	}
	return fields
}

// how are the letters by which take.lua knows what is wanted.
func (t Taking) how() string {
	how := ""
	if t.AfterWindow {
		how += "w"
	}
	if t.OneRefund {
		how += "o"
	}
	if t.RecordRefusal {
		how += "d"
	}
	return how
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// taken reads the answer of take.lua.
func (a Asked) taken(got reply, digest string, err error) (Taken, error) {
	if err != nil {
		return Taken{}, fmt.Errorf("journal: take refund: %w", err)
	}
	taken := Taken{Record: got.rec, Existing: got.word == "existing", Conflict: got.word == "conflict"}
	switch {
	case got.word == "taken" && got.rec == nil:
		taken.Record, err = a.record(got, digest)
	case got.word == "refused":
		var texts []string
		if texts, err = replyTexts(got.more, nil, 1); err == nil {
			taken.Refusal, err = readRefusal(a.Order.RefundID, texts[0])
		}
		if err == nil && taken.Refusal == nil {
			err = errReply
		}
	case taken.Existing && got.rec == nil, !taken.Existing && !taken.Conflict:
		err = errReply
	}
	if err != nil {
		return Taken{}, fmt.Errorf("journal: take refund: %w", err)
	}
	return taken, nil
}

// record is the record of an order that was just queued: what take.lua wrote.
func (a Asked) record(got reply, digest string) (*Record, error) {
	o, t := a.Order, a.Taking
	now, why := millis(got.now), ""
	due := now
	if len(got.more) > 0 { // it waits for a window
		waits, err := replyTexts(got.more, nil, 2)
		if err != nil {
			return nil, err
		}
		due, why = millis(waits[0]), waits[1]
	}
	if now.IsZero() || due.IsZero() {
		return nil, errReply
	}
	r := &Record{ID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID, Digest: digest, Asked: o.Asked, Currency: o.Amount.Currency,
		Reason: o.Reason, Receipt: o.Receipt, Bulk: t.Bulk, RequestedBy: t.RequestedBy, Trace: t.Trace, State: refund.Queued, Version: 1, Seq: 1,
		Created: now, Updated: now, Since: now, Due: due, Why: why, Now: now, Epoch: got.epoch}
	if !o.Full {
		r.Amount = &o.Amount.Minor
	}
	if o.Total.Minor > 0 {
		r.Total = &o.Total.Minor
	}
	if len(o.Metadata) > 0 {
		r.Metadata = quote(o.Metadata)
	}
	r.marked(got.restored)
	return r, nil
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
	place := placeOf(provider, payment)
	key := recordKey(place, id)
	got, err := parseReply(j.run.RunPlain(ctx, key, loadScript, scriptKeys(key), id, place))
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
