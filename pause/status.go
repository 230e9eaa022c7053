package pause

import (
	"context"
	"fmt"
	"time"
)

// Status is how a provider stands, for people and metrics. Times are those of
// the Redis server; the zero time is none.
type Status struct {
	Reason    Reason // empty: not paused
	Detail    string
	Code      string    // the refusal that calls meet, if that is why
	By        string    // the operator who paused it
	ResumedBy string    // the operator who ended the last pause; empty: it ended by itself
	Since     time.Time // when the pause began, also if its reason has changed
	NextProbe time.Time // when a trial call is due; none under an operator's pause
	Probing   bool      // a trial call is under way
	Ramping   bool      // the pause is over, and calls are let through step by step
	Resumed   time.Time // when the last pause ended
	LastGood  time.Time // when a call last worked, exact to a second
	Sick      int       // calls in a row without a proper answer
	Refused   int       // refusals in a row with one code
	PausedFor time.Duration
}

// State returns how the provider stands. It changes nothing.
func (b *Board) State(ctx context.Context, provider string) (Status, error) {
	reply, err := stateScript.Run(ctx, b.rdb, keys(provider)).Slice()
	if err != nil {
		return Status{}, fmt.Errorf("pauses of %s: %w", provider, err)
	}
	r := reader{reply: reply}
	s := Status{Reason: Reason(r.text()), Detail: r.text(), Code: r.text(), By: r.text(), ResumedBy: r.text(),
		Since: r.time(), NextProbe: r.time(), Resumed: r.time(), LastGood: r.time(), Probing: r.number() == 1, Ramping: r.number() == 1,
		Sick: int(r.number()), Refused: int(r.number()), PausedFor: r.duration()}
	if r.bad {
		return Status{}, fmt.Errorf("pauses of %s: the script returned %v", provider, reply)
	}
	return s, nil
}

// reader takes a script's reply apart, in order.
type reader struct {
	reply []any
	bad   bool // something was missing or of another type
}

func next[T any](r *reader) T {
	var zero T
	if len(r.reply) == 0 {
		r.bad = true
		return zero
	}
	v, ok := r.reply[0].(T)
	r.reply, r.bad = r.reply[1:], r.bad || !ok
	return v
}

func (r *reader) text() string            { return next[string](r) }
func (r *reader) number() int64           { return next[int64](r) }
func (r *reader) duration() time.Duration { return time.Duration(r.number()) * time.Microsecond }

func (r *reader) time() time.Time {
	if us := r.number(); us != 0 {
		return time.UnixMicro(us)
	}
	return time.Time{}
}
