package journal

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"refundworker/refund"
)

// Step is one change of a refund.
type Step struct {
	To     refund.State      // empty: stays
	Set    map[string]string // stored fields; "" removes one. See the Set helpers.
	Due    time.Duration     // until the next action, from now
	NoDue  bool              // nothing is to be done any more
	By     string
	Note   string   // one line for the history; a step that stays and has no note leaves none
	Ended  *Attempt // the last attempt with its end, from EndAttempt; nil: nothing is new of it
	Event  bool     // tell the order system
	Reason string   // the event's reason_code, where it is not the record's
	Hold   bool     // the window is held from now, as by a success
	Token  string   // from NewToken, to make sure of the very same step again; empty: a new one
}

// Apply makes the step if the refund is still what rec says. Otherwise the
// answer is the refund as it is now with ErrStale.
func (j *Journal) Apply(ctx context.Context, rec *Record, s Step) (*Record, error) {
	to := s.To
	if to == "" {
		to = rec.State
	}
	if !allowed(rec.State, to) {
		return nil, fmt.Errorf("journal: refund %s can't go from %s to %s", rec.ID, rec.State, to)
	}
	rec, err := j.whole(ctx, rec)
	if err != nil {
		return rec, err
	}
	set := make(map[string]string, len(s.Set)+8)
	maps.Copy(set, s.Set)
	if to != rec.State {
		s.Event = s.Event || to.Terminal() || to == refund.Review
		s.Hold = s.Hold || to == refund.Succeeded
		if _, said := set["why"]; !said {
			set["why"] = ""
		}
		set["updated"] = "" // the same as since
	}
	if to.Terminal() {
		for _, field := range whileOpen {
			if delete(set, field); rec.fields[field] != "" { // none is stored empty
				set[field] = ""
			}
		}
	}
	seq := rec.Seq
	if to != rec.State || s.Note != "" {
		seq++
	}
	set["seq"] = seqField(seq, rec.Version+1)
	if s.Ended != nil {
		said := int64(0)
		if seq != rec.Seq && s.Note == s.Ended.Said() {
			said = seq
		}
		set[attemptField(s.Ended.Number)] = s.Ended.stored(rec, said)
	}
	var due *time.Duration
	if wait := max(s.Due, 0); !s.NoDue && !to.Terminal() {
		due = &wait
	} else {
		set["due"] = ""
	}
	value, changed := set["metadata"]
	forget := changed && value == ""
	c := changeOf(rec, to, set)
	c.due = due
	if c.token = s.Token; c.token == "" {
		c.token = NewToken()
	}
	if seq != rec.Seq {
		c.remember(rec, s.By, s.Note)
	}
	if s.Hold {
		c.at("window_ends", j.options.Window)
	}
	if s.Event {
		c.event = eventOf(rec, to, set, seq, s.Reason)
		c.said = c.event.text()
	}
	script := stepScript
	if forget {
		script = eraseScript
	}
	wait := ""
	if due != nil {
		wait = ms(*due)
	}
	return j.change(ctx, script, rec, c, string(rec.State), string(to), wait, c.said)
}

// whileOpen are the fields that say nothing of a refund that has settled: clocks and
// counters of what is still to be done.
var whileOpen = []string{"deadline", "attempt_end", "start_wall", "end_wall", "paused_before", "first_failed", "fails", "denied", "lag_since"}

// seqField is the number of a record's last entry as it is stored: not at all where
// each change has left one.
func seqField(seq, version int64) string {
	if seq == version {
		return ""
	}
	return strconv.FormatInt(seq, 10)
}

// AskRetry is the step that leaves an operator's request to try a refund in
// review again, for a worker to carry out.
func (r *Record) AskRetry(request RetryRequest) Step {
	note := "retry asked: " + request.Note
	if request.AcceptRisk {
		note = "retry asked at their own risk: " + request.Note
	}
	return Step{By: request.By, Note: note, Set: map[string]string{"request": quote(request)}}
}

// Callback is the step for a provider's callback: it proves that the provider
// has the request, and makes the worker ask at once.
func (r *Record) Callback() Step {
	return Step{By: "callback", Note: "the provider called back", Set: map[string]string{"known": "1"}}
}

// contradicted begins the note of evidence against a final state.
const contradicted = "contradicted: "

// Contradict is the step that records evidence against a final state and
// raises it. The state stays. What was declined or canceled and may have been
// paid after all holds its window from now, so that it is not paid again at once.
func (r *Record) Contradict(by, evidence string) Step {
	return Step{By: by, Note: contradicted + evidence, NoDue: true, Event: true, Reason: "contradicted", Hold: r.State != refund.Succeeded,
		Set: map[string]string{"contradicted": evidence}}
}
