package journal

import (
	"context"
	"fmt"
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
	Note   string // one line for the history; a step that stays and has no note leaves none
	Event  bool   // tell the order system
	Reason string // the event's reason_code, where it is not the record's
	Hold   bool   // the window is held from now, as by a success
	Token  string // from NewToken, to make sure of the very same step again; empty: a new one
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
	set := map[string]string{}
	for k, v := range s.Set {
		set[k] = v
	}
	due, window, note := "", "", ""
	if !s.NoDue && !to.Terminal() {
		due = strconv.FormatInt(max(s.Due, 0).Milliseconds(), 10)
	}
	if to != rec.State {
		s.Event = s.Event || to.Terminal() || to == refund.Review
		s.Hold = s.Hold || to == refund.Succeeded
		if _, said := set["why"]; !said {
			set["why"] = ""
		}
	}
	if s.Hold {
		window = ms(j.options.Window)
	}
	if s.Note != "" {
		note = quote(s.Note)
	}
	if s.Token == "" {
		s.Token = NewToken()
	}
	arg := quote(map[string]any{"to": string(s.To), "set": set, "due": due, "window": window, "by": quote(s.By),
		"note": note, "event": s.Event, "event_reason": s.Reason})
	key := recordKey(rec.place(), rec.ID)
	return j.finish(j.run.Run(ctx, key, stepScript, scriptKeys(key), rec.ID, s.Token, strconv.FormatInt(rec.Version, 10), arg))
}

func (j *Journal) finish(raw any, err error) (*Record, error) {
	got, err := parseReply(raw, err)
	switch {
	case err != nil:
		return nil, fmt.Errorf("journal: change refund: %w", err)
	case got.word == "missing" || got.rec == nil:
		return nil, ErrNotFound
	case got.word == "stale":
		return got.rec, ErrStale
	case got.word == "not admitted":
		return got.rec, ErrNotAdmitted
	case got.word == "blocked" && len(got.more) == 3:
		ms, err := strconv.ParseInt(got.more[2], 10, 64)
		if err != nil {
			return nil, errReply
		}
		return got.rec, &Blocked{Why: Block(got.more[0]), Other: got.more[1], Wait: time.Duration(ms) * time.Millisecond}
	}
	return got.rec, nil
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
