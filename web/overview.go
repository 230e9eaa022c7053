package web

import (
	"fmt"
	"net/http"
	"time"

	"refundworker/pause"
	"refundworker/ratelimit"
	"refundworker/refund"
	"refundworker/tally"
)

type overviewPage struct {
	frame
	Providers []standing
}

// standing is how one provider stands.
type standing struct {
	Name, Driver       string
	Configured         bool
	Waiting, Review    int64
	Running            int64
	RunningStates      []stateLink
	Oldest             *time.Time
	OldestState        refund.State
	Succeeded          int64
	Declined, ToReview int64 // in the last hour: declined, and gone to review
	Share              string
	Settled            chart
	Took               chart
	Half, Most         string
	Rate               rate
	Paused             bool
	Pause              pause.Status
	Next               string
}

// rate is how much of a provider's limit was used in the last whole period.
type rate struct {
	Calls, Of int64 // Of is 0 where there is no limit
	Per       string
	Percent   int64
	Limit     string
}

func (s *Site) overview(w http.ResponseWriter, r *http.Request) {
	all, err := s.counts.get(r.Context(), s)
	if err != nil {
		s.fail(w, r, "", err)
		return
	}
	page := overviewPage{frame: s.frame(r, "Overview", "overview")}
	for _, name := range all.providers {
		page.Providers = append(page.Providers, s.standing(all, name))
	}
	s.show(w, http.StatusOK, "overview", page)
}

func (s *Site) standing(all *seen, name string) standing {
	st := standing{Name: name, Waiting: all.in(name, refund.Queued), Review: all.in(name, refund.Review)}
	for _, state := range []refund.State{refund.Sending, refund.Unknown, refund.Accepted} {
		if n := all.in(name, state); n > 0 {
			st.Running += n
			st.RunningStates = append(st.RunningStates, stateLink{chip{state, marks[state], words[state]}, n, false, address("/refunds", "state", string(state), "provider", name)})
		}
	}
	if old, ok := all.oldest(name); ok {
		st.Oldest, st.OldestState = &old.Oldest, old.State
	}
	p, ok := s.cfg.Provider(name)
	if !ok {
		return st
	}
	st.Configured, st.Driver = true, p.Driver.Name()
	st.Pause = all.pauses[name]
	st.Paused = st.Pause.Reason != ""
	st.Next = goesOn(st.Pause, all.now)
	if hour := all.hours[name]; hour != nil {
		st.read(hour)
		st.Rate = used(hour, p.RateLimit)
	}
	return st
}

// goesOn says how a pause ends.
func goesOn(p pause.Status, now time.Time) string {
	switch {
	case p.Reason == pause.ReasonOperator:
		return "until somebody resumes it"
	case p.Reason == "" && p.Ramping:
		return "the pause is over, and calls are let through step by step"
	case p.Reason == "":
		return ""
	case p.Probing:
		return "a trial call is under way"
	}
	return "next trial call " + ago(moment{now, p.NextProbe})
}

func (st *standing) read(hour *tally.Hour) {
	sum := hour.Sum(0, tally.Minutes)
	st.Succeeded, st.Declined, st.ToReview = sum.Settled[refund.Succeeded], sum.Settled[refund.Declined], sum.Settled[refund.Review]
	if of := st.Succeeded + st.Declined + st.ToReview; of > 0 {
		st.Share = fmt.Sprintf("%d %%", st.Succeeded*100/of) // rounded down: 100 % is all of them
	}
	if half := sum.Took.Within(50); half > 0 {
		st.Half, st.Most = within(half), within(sum.Took.Within(95))
	}
	st.Settled, st.Took = settledChart(hour), tookChart(hour)
}

// within writes a bound in milliseconds.
func within(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return lasts(time.Duration(ms) * time.Millisecond)
}

// used compares the calls of the last whole minute, or of the last hour where
// the limit counts in hours, with what the limit lets through.
func used(hour *tally.Hour, limit ratelimit.Limit) rate {
	r := rate{Limit: limit.String(), Per: "in the last full minute", Calls: hour[tally.Minutes-2].Calls}
	if limit.Unlimited {
		return r
	}
	if limit == (ratelimit.Limit{}) {
		limit = ratelimit.Default
	}
	period := time.Minute
	if limit.Per > period {
		period = time.Hour
		r.Per, r.Calls = "in the last hour", hour.Sum(0, tally.Minutes).Calls
	}
	r.Of = max(int64(limit.Calls)*int64(period)/int64(limit.Per), 1)
	r.Percent = min(r.Calls*100/r.Of, 100)
	return r
}
