package journal

import (
	"context"
	"fmt"
	"strconv"
	"time"
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
	n := rec.Attempts + 1
	entry := Attempt{Number: n, Outcome: "running"}
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
	lineage := ""
	if j.options.Lineage {
		lineage = "1"
	}
	set := b.Set
	if set == nil {
		set = map[string]string{}
	}
	arg := quote(map[string]any{"epoch": rec.Epoch, "attempt": strconv.Itoa(n), "entry": quote(entry),
		"baseline": baseline, "read_at": readAt, "max_age": ms(b.MaxAge), "timeout": ms(b.Timeout), "grace": ms(b.Grace),
		"guard": guard, "restored": rec.mark, "compare": rec.compared, "lineage": lineage, "set": set, "by": quote(b.By)})
	key := recordKey(rec.place(), rec.ID)
	return j.finish(j.run.Run(ctx, key, beginScript, scriptKeys(key), rec.ID, b.Token, strconv.FormatInt(rec.Version, 10), arg))
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
