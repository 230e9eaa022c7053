package tasks

import (
	"time"

	"refundworker/journal"
	"refundworker/providers"
)

// Evidence is evidence for tests outside of the package.
type Evidence struct {
	Total, Left             *int64
	Pending                 int64
	Settled                 bool
	Lookups                 int
	PendingOther, TakenBack bool
}

func (e Evidence) of(rec *journal.Record) evidence {
	return evidence{rec: rec, total: e.Total, left: e.Left, pending: e.Pending, settled: e.Settled, lookups: e.Lookups,
		pendingOther: e.PendingOther, takenBack: e.TakenBack}
}

// Judge names the verdict.
func Judge(rec *journal.Record, e Evidence) string {
	v, note := judge(e.of(rec))
	if note == "" {
		return "no reason given"
	}
	return [...]string{askAgain: "ask again", moved: "moved", requested: "requested", nothingMoved: "nothing moved",
		refusedRight: "refused rightly", notProven: "not proven"}[v]
}

// Act is what evidence makes of an unknown refund.
func (p *Processor) Act(a Account, rec *journal.Record, e Evidence) journal.Step {
	return p.act(a, rec, e.of(rec))
}

// Decide is what an outcome makes of a refund that is being sent.
func (p *Processor) Decide(a Account, rec *journal.Record, o providers.Outcome, ended time.Time) journal.Step {
	return p.decide(a, rec, o, ended)
}
