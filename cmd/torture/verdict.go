package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// recoveryLimit is how soon a refund must be taken up again whose worker died.
const recoveryLimit = 15 * time.Second

// result is what came of a run.
type result struct {
	Seed      uint64         `json:"seed"`
	Enqueued  int            `json:"enqueued"`
	States    map[string]int `json:"states"`
	Repeats   int            `json:"enqueued_again"`
	Twins     int            `json:"twins"`
	Refused   int            `json:"twins_refused"`
	Doubles   int            `json:"doubles"`
	Lost      int            `json:"lost"`
	Unsettled int            `json:"unsettled"`
	Wrong     int            `json:"wrong"`
	Kills     int            `json:"kills"`
	Freezes   int            `json:"freezes"`
	Restarts  int            `json:"redis_restarts"`
	Cut       int            `json:"cut_connections"`
	Answers   int            `json:"lost_answers"`
	Retried   int            `json:"enqueue_retries"`
	SelfEnded int            `json:"workers_ended_by_themselves"`
	TakenUp   int            `json:"attempts_of_dead_workers"`
	Slowest   time.Duration  `json:"slowest_recovery_ns"`
	SlowestOf string         `json:"slowest_recovery_of,omitempty"`
	Longest   time.Duration  `json:"longest_life_ns"` // of a refund, from enqueued to its end
	Took      time.Duration  `json:"took_ns"`
	Broken    []string       `json:"broken,omitempty"` // each broken promise, in words
}

// broken reports whether a promise about money was broken. A slow recovery is
// said in the table; a machine that is busy enough makes one.
func (r *result) broken() bool { return r.Doubles+r.Lost+r.Unsettled+r.Wrong+r.SelfEnded > 0 }

func (r *result) blame(count *int, format string, args ...any) {
	*count++
	if len(r.Broken) < 50 {
		r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
	}
}

// judge compares the journal with what really moved.
func (st *stage) judge(ctx context.Context, p *plan) (*result, error) {
	r := &result{Seed: st.seed, States: map[string]int{}, Repeats: st.tally.Repeats, Twins: st.tally.Twins, Refused: st.tally.Refused,
		Kills: st.tally.Kills, Freezes: st.tally.Freezes, Restarts: st.redis.Restarts, Cut: st.proxy.Cut, Answers: st.proxy.Answers,
		Retried: st.tally.Retried, SelfEnded: st.tally.SelfEnded}
	ledger, err := st.companies.ledger(ctx)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for rec, err := range st.backend.Journal.List(ctx, journal.Filter{}) {
		if err != nil {
			return nil, err
		}
		listed[rec.ID] = true
	}
	for _, j := range p.jobs {
		if err := st.judgePayment(ctx, r, j, ledger, listed); err != nil {
			return nil, err
		}
	}
	r.Took = time.Since(st.began)
	return r, nil
}

// judgePayment judges all refunds of one payment: the job's and, where the
// first was declined before its twin was enqueued, the twin's.
func (st *stage) judgePayment(ctx context.Context, r *result, j job, ledger map[string]sandbox.Standing, listed map[string]bool) error {
	var recs []*journal.Record
	for _, id := range []string{j.request.RefundID, j.twin} {
		if id == "" {
			continue
		}
		rec, err := st.backend.Journal.Get(ctx, id)
		switch {
		case errors.Is(err, journal.ErrNotFound) && id == j.twin:
			continue
		case errors.Is(err, journal.ErrNotFound), err == nil && !listed[id]:
			r.blame(&r.Lost, "refund %s was enqueued and is not in the journal", id)
			continue
		case err != nil:
			return err
		}
		r.Enqueued++
		r.States[string(rec.State)]++
		view, err := st.backend.Journal.FullView(ctx, rec)
		if err != nil {
			return err
		}
		if !rec.State.Terminal() && rec.State != refund.Review {
			r.blame(&r.Unsettled, "refund %s is still open: %s", id, story(view))
		}
		st.recoveries(r, view)
		if life := rec.Updated.Sub(rec.Created); life > r.Longest {
			r.Longest = life
			st.tell("settled after %s: fault %s: %s", life, j.fault, story(view))
		}
		recs = append(recs, rec)
	}
	standing, ok := ledger[j.request.Provider+" "+j.request.PaymentID]
	if !ok {
		return fmt.Errorf("payment %s is not in the ledger", j.request.PaymentID)
	}
	return st.compare(ctx, r, j, recs, standing)
}

// compare holds the journal's word about a payment against the ledger's.
func (st *stage) compare(ctx context.Context, r *result, j job, recs []*journal.Record, s sandbox.Standing) error {
	moved, err := minor(s.Moved, s.Currency)
	if err != nil {
		return err
	}
	pending, err := minor(s.Pending, s.Currency)
	if err != nil {
		return err
	}
	moved += pending
	var calls []int64
	for _, m := range s.Movements {
		if !slices.Contains(calls, m.Call) {
			calls = append(calls, m.Call)
		}
	}
	said, explained := int64(0), false // what succeeded by the journal; whether it says that it does not know yet
	stories := ""
	for _, rec := range recs {
		switch {
		case rec.State == refund.Succeeded:
			said += j.minor()
		case !rec.State.Terminal(): // in review, or unsettled, which is counted elsewhere
			explained = true
		}
		view, err := st.backend.Journal.FullView(ctx, rec)
		if err != nil {
			return err
		}
		stories += story(view)
	}
	what := fmt.Sprintf("%s %s: %d of %d minor units moved by calls %v, fault %s, journal: %s", j.request.Provider, j.request.PaymentID, moved, j.minor(), calls, j.fault, stories)
	switch {
	case moved > j.minor() || len(calls) > 1:
		r.blame(&r.Doubles, "PAID TWICE: %s", what)
	case moved > 0 && said == 0 && !explained:
		r.blame(&r.Wrong, "MOVED, and the journal does not say so: %s", what)
	case moved < said:
		r.blame(&r.Wrong, "NOT MOVED, and the journal says so: %s", what)
	}
	return nil
}

func minor(amount, currency string) (int64, error) {
	if amount == "0" || amount == "0.00" {
		return 0, nil
	}
	m, err := refund.ParseMoney(amount, refund.Currency(currency))
	return m.Minor, err
}

// story is what the journal has to say of a refund.
func story(v journal.View) string {
	s := fmt.Sprintf("%s %s (%s) %s", v.RefundID, v.State, v.ReasonCode, v.Waiting)
	for _, h := range v.History {
		s += fmt.Sprintf("\n    %s %s->%s by %s: %s", h.At.Format("15:04:05.000"), h.From, h.To, h.By, h.Note)
	}
	return s
}
