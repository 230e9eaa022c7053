package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"refundworker/refund"
)

// Beginning is an attempt to be written ahead.
type Beginning struct {
	Baseline *int64        // minor units refunded or requested now; nil: the provider was not asked or can't tell
	ReadAt   time.Time     // Redis's clock when it was asked; zero if it was not
	MaxAge   time.Duration // how long such an answer stays good
	Timeout  time.Duration // from now to the attempt's deadline
	Grace    time.Duration // after the deadline, when somebody else looks after it
	Guard    time.Duration // how long after the first unproven attempt the provider refuses to pay it again; 0: not relied on
	Set      map[string]string
	By       string
	Token    string // from NewToken: the record keeps it while this is its last change
}

// Block is why an attempt may not start now.
type Block string

// The reasons.
const (
	Changed       Block = "changed"        // another refund of the payment moved since it was read: read again
	Busy          Block = "busy"           // another refund's attempt on the payment is running or unknown
	UnprovenOther Block = "unproven"       // another refund of the payment has an unproven attempt and is not settled
	InWindow      Block = "window"         // an earlier refund holds the window
	StaleBaseline Block = "stale_baseline" // the provider was asked too long ago: ask again
	Lag           Block = "lag"            // the provider counts less than the journal knows to have moved
	AfterRestore  Block = "restored"       // after a restore: the provider counts something else than the journal
	GuardOver     Block = "guard"          // the provider no longer refuses the same amount
)

// Blocked says why an attempt may not start. Nothing was written.
type Blocked struct {
	Why   Block
	Other string        // the refund in the way, if there is one
	Wait  time.Duration // until it is worth asking again, if known
}

// Error names the reason and the refund in the way.
func (b *Blocked) Error() string {
	if b.Other != "" {
		return fmt.Sprintf("blocked: %s by refund %s", b.Why, b.Other)
	}
	return fmt.Sprintf("blocked: %s", b.Why)
}

// Begin writes the next attempt of a queued refund ahead. When it returns
// without an error the attempt is as durable as configured and may be sent, by
// this caller only and until the timeout, counted from before the call. With
// ErrNotAdmitted nothing was written.
func (j *Journal) Begin(ctx context.Context, rec *Record, b Beginning) (*Record, error) {
	if rec.Epoch == "" { // of a list: nobody could tell what became of its payment since
		now, err := j.Load(ctx, rec.Provider, rec.PaymentID, rec.ID)
		if err != nil {
			return nil, err
		}
		return now, &Blocked{Why: Changed}
	}
	rec, err := j.whole(ctx, rec)
	if err != nil {
		return rec, err
	}
	rec, _, err = j.begin(ctx, rec, b, nil, nil)
	return rec, err
}

// Gate asks Options.Gate before an attempt, in the same script and last of all. Its
// keys must lie on the journal's only server.
type Gate struct {
	Keys []string
	Args []any
}

// ErrShut says that the gate let no attempt through now. Nothing was written.
var ErrShut = errors.New("no attempt is let through now")

// Open is Load and Begin in one, for an order whose refund is as it was taken in,
// as far as the caller can tell: it was never attempted, nothing was changed or
// put off, it is due, and the journal was not restored. If it is not so, nothing is
// written, the error is ErrStale or a Blocked, and the record is as Load reads it.
// An order of other content is ErrStale, too. There is no baseline.
//
// gate may be nil. said is its answer, nil if it was not asked or not heard; for how
// long it says that the provider has been paused is kept with the refund.
func (j *Journal) Open(ctx context.Context, o refund.Order, b Beginning, gate *Gate) (rec *Record, said []any, err error) {
	if gate != nil && j.options.Gate == "" {
		return nil, nil, errors.New("journal: begin attempt: there is no gate to ask; give journal.New one in Options.Gate")
	}
	rec = &Record{ID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID, Digest: o.Digest(), Version: 1, Seq: 1}
	if !o.Full {
		rec.Amount = &o.Amount.Minor
	}
	return j.begin(ctx, rec, b, &o, gate)
}

func (j *Journal) begin(ctx context.Context, rec *Record, b Beginning, taken *refund.Order, gate *Gate) (*Record, []any, error) {
	n := rec.Attempts + 1
	entry := Attempt{Number: n, Outcome: running, entry: rec.Seq + 1}
	if minor, ok := rec.Send(); ok {
		entry.Minor = strconv.FormatInt(minor, 10)
	}
	baseline, readAt, guard := "", "", ""
	if b.Baseline != nil {
		baseline = strconv.FormatInt(*b.Baseline, 10)
		entry.Baseline = baseline
	}
	if !b.ReadAt.IsZero() {
		readAt = strconv.FormatInt(b.ReadAt.UnixMilli(), 10)
	}
	if b.Guard > 0 {
		guard = strconv.FormatInt(b.Guard.Milliseconds(), 10)
	}
	set := make(map[string]string, len(b.Set)+5)
	set["why"], set["updated"] = "", "" // the latter is the same as since
	set["attempts"], set["seq"] = strconv.Itoa(n), seqField(rec.Seq+1, rec.Version+1)
	set[attemptField(n)] = entry.stored(rec, 0)
	maps.Copy(set, b.Set)
	c := changeOf(rec, refund.Sending, set)
	due := b.Timeout + b.Grace
	c.token, c.due, c.taken, c.gate = b.Token, &due, taken, gate
	c.remember(rec, b.By, "")
	c.at("deadline", b.Timeout)
	args := append(make([]any, 0, 24), rec.Epoch, baseline, readAt, ms(b.MaxAge), guard, rec.mark, flag(rec.compared), flag(j.options.Lineage), ms(due))
	if gate == nil {
		args = append(args, 0)
	} else {
		args = append(append(args, len(gate.Args)), gate.Args...)
	}
	rec, err := j.change(ctx, j.begins, rec, c, args...)
	return rec, c.heard, err
}

// beside are the fields of a record as it was taken in that its digest does not vouch
// for, in the order in which begin.lua tells them: the task's order may say otherwise.
var beside = []string{entryField(1), "asked", "reason", "bulk", "requested_by", "trace", "metadata"}

// begun takes from the answer to the beginning of an attempt what change.made does not
// know: for how long the provider was paused, what stands in a refund that was not read,
// and what the gate said.
func (c *change) begun(rec *Record, said []any) (*Record, error) {
	if len(said) == 0 {
		return nil, errReply
	}
	paused, ok := said[0].(int64)
	if !ok {
		return nil, errReply
	}
	if paused > 0 {
		c.set = append(c.set, "paused_before", strconv.FormatInt(paused, 10))
	}
	said = said[1:]
	if c.taken != nil {
		if len(said) < len(beside) {
			return nil, errReply
		}
		opened := *rec
		opened.fields = vouched(*c.taken, rec.Digest)
		for i, field := range beside {
			switch value := said[i].(type) {
			case string:
				opened.fields[field] = value
			case nil: // it has none
			default:
				return nil, errReply
			}
		}
		rec, said = &opened, said[len(beside):]
	}
	if c.gate != nil {
		c.heard = said
	} else if len(said) > 0 {
		return nil, errReply
	}
	return rec, nil
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
