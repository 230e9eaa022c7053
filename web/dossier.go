package web

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/journal"
	"refundworker/providers"
)

// Dossier is what a person needs to decide about a refund.
type Dossier struct {
	View     journal.View
	Seq      int64
	Story    story
	Guide    guide
	Evidence []pair
	Parts    []part
	Decide   decision
	CSRF     string
	By       string // who decides; empty: the form asks
	Allowed  bool   // to decide
	AsOf     time.Time
	Back     string // where to go after a decision
}

type pair struct{ Key, Value string }

// attempt is one call of the refund endpoint, in words.
type attempt struct {
	journal.Attempt
	Sent, Baseline string // major units; empty where not known
	Took           string
	Parts          []part
}

type part struct {
	What, Amount, Reference string
	Moved                   bool
}

// dossier gathers what is known of a refund.
func (s *Site) dossier(ctx context.Context, f frame, rec *journal.Record, back string) (Dossier, error) {
	p, _ := s.cfg.Provider(rec.Provider)
	d := Dossier{View: rec.View(), Seq: rec.Seq, Guide: guideOf(rec), CSRF: f.Token, By: f.Person, Allowed: f.MayAct, AsOf: rec.Now, Back: back}
	if seen, err := s.counts.get(ctx, s); err == nil {
		d.Story = tell(rec, p, seen.pauses[rec.Provider])
	} else {
		return d, err
	}
	attempts, err := attemptsOf(rec)
	if err != nil {
		return d, err
	}
	d.Evidence = evidence(rec, attempts)
	if len(attempts) > 0 {
		d.Parts = attempts[len(attempts)-1].Parts
	}
	d.Decide = decisionOf(rec)
	return d, nil
}

// evidence lists the figures that speak for or against a refund having moved
// money.
func evidence(rec *journal.Record, attempts []attempt) []pair {
	var list []pair
	add := func(key, value string) {
		if value != "" {
			list = append(list, pair{key, value})
		}
	}
	currency := " " + string(rec.Currency)
	if rec.Full() && rec.Frozen != nil {
		add("All of it came to", rec.Money(*rec.Frozen)+currency)
	}
	if rec.Moved != nil {
		add("Moved, as far as known", rec.Money(*rec.Moved)+currency)
	}
	if rec.Baseline != nil {
		add("Refunded before, by the provider's count", rec.Money(*rec.Baseline)+currency)
	} else if rec.Attempts > 0 {
		add("Refunded before, by the provider's count", "not known: the provider did not say, so nothing can be proved by its total")
	}
	if rec.Total != nil {
		add("The payment's total, as stated", rec.Money(*rec.Total)+currency)
	}
	add("The provider's refund id", rec.ProviderRefundID)
	if n := len(attempts); n > 0 {
		a := attempts[n-1]
		said := a.Outcome
		if a.Code != "" {
			said += " (" + a.Code + ")"
		}
		if a.Message != "" {
			said += ": " + a.Message
		}
		add("The last attempt", said)
	}
	if rec.Known {
		add("The provider", "has shown that it has the request")
	}
	if rec.Unproven && !rec.State.Terminal() {
		add("Unproven since", stamp(rec.FirstUnproven)+" UTC")
	}
	add("Asked for by", rec.RequestedBy)
	add("Approved by", rec.ApprovedBy)
	return list
}

func attemptsOf(rec *journal.Record) ([]attempt, error) {
	raw, err := rec.AttemptList()
	if err != nil {
		return nil, err
	}
	list := make([]attempt, 0, len(raw))
	for _, a := range raw {
		one := attempt{Attempt: a, Sent: money(rec, a.Minor), Baseline: money(rec, a.Baseline)}
		one.Message = rec.Receipt.Hide(a.Message)
		if !a.EndedAt.IsZero() && !a.StartedAt.IsZero() {
			one.Took = took(a.EndedAt.Sub(a.StartedAt))
		}
		for _, p := range a.Parts {
			one.Parts = append(one.Parts, partOf(rec, p))
		}
		list = append(list, one)
	}
	return list, nil
}

func partOf(rec *journal.Record, p providers.Part) part {
	return part{What: p.Operation, Amount: rec.Money(p.Minor) + " " + string(rec.Currency), Reference: p.Reference, Moved: p.Moved}
}

// money renders minor units as the journal writes them.
func money(rec *journal.Record, minor string) string {
	n, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	return rec.Money(n) + " " + string(rec.Currency)
}

func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return lasts(d)
}

func sorted(m map[string]string) []pair {
	var list []pair
	for k, v := range m {
		list = append(list, pair{k, v})
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.Key, b.Key) })
	return list
}
