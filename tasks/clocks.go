package tasks

import (
	"time"

	"refundworker/journal"
)

// Redis stamps everything by its own clock. That clock may be set, and a
// failover may bring up a server with another one. So what is believed only
// because time has passed must have passed by the wall clocks of the workers
// too, which the record keeps beside: one clock that jumps proves nothing.

// settlingLeft is how long the provider may still be sitting on the last
// attempt: the longer of what both clocks say.
func (p *Processor) settlingLeft(rec *journal.Record, settle time.Duration) time.Duration {
	left := rec.AttemptEnd.Add(settle).Sub(rec.Now)
	if !rec.WallEnd.IsZero() {
		left = max(left, rec.WallEnd.Add(settle).Sub(p.Now()))
	}
	return left
}

// clockSlack is how far two clocks may be apart before one of them is wrong.
const clockSlack = time.Minute

// settleAnew counts the settling time from now, by both clocks, where the last
// attempt would have ended in the future by one of them: that clock was wrong then
// or is now, and would hold the refund up for as long as it is off. The step that
// puts the refund off has to keep the fields, so that this is done once. It ends
// nothing early: the attempt ended before now.
func (p *Processor) settleAnew(rec *journal.Record, set map[string]string) {
	now := p.Now()
	if rec.AttemptEnd.Sub(rec.Now) <= clockSlack && rec.WallEnd.Sub(now) <= clockSlack {
		return
	}
	rec.AttemptEnd, rec.WallEnd = rec.Now, now
	set["attempt_end"], set["end_wall"] = number(rec.AttemptEnd.UnixMilli()), number(rec.WallEnd.UnixMilli())
}

// restoredLeft is how long what a restored backup forgot may still be carried
// out: the longer of what both clocks say.
func (p *Processor) restoredLeft(rec *journal.Record, settle time.Duration) time.Duration {
	over := rec.RestoredAt.Add(settle)
	return max(over.Sub(rec.Now), over.Sub(p.Now()))
}

// guardLeft is how long the provider still refuses the amount of the first
// unproven attempt: the shorter of what both clocks say.
func (p *Processor) guardLeft(rec *journal.Record, guard time.Duration) time.Duration {
	left := rec.FirstUnproven.Add(guard).Sub(rec.Now)
	if !rec.WallFirst.IsZero() {
		left = min(left, rec.WallFirst.Add(guard).Sub(p.Now()))
	}
	return left
}

// firstUnproven adds when the first unproven attempt started to the fields of a
// step, unless it is known.
func firstUnproven(rec *journal.Record, set map[string]string) {
	if !rec.FirstUnproven.IsZero() {
		return
	}
	set["first_unproven"] = number(rec.AttemptStart().UnixMilli())
	if !rec.WallStart.IsZero() {
		set["first_wall"] = number(rec.WallStart.UnixMilli())
	}
}

// wall is the local clock as a record keeps it.
func (p *Processor) wall() string { return number(p.Now().UnixMilli()) }
