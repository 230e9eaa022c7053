package web

import (
	"context"
	"slices"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/refund"
	"refundworker/tally"
)

// counts are read once for everybody who looks within a short time: many open
// overviews must not cost Redis more than one.
type counts struct {
	turn chan struct{} // holds whoever reads them or looks at them
	seen *seen
	read time.Time
}

// seen is what the overview shows.
type seen struct {
	now       time.Time // Redis's
	providers []string  // the configured ones, then those that only have refunds
	stats     []journal.Stat
	hours     map[string]*tally.Hour
	pauses    map[string]pause.Status
}

func (c *counts) get(ctx context.Context, s *Site) (*seen, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.seen != nil && time.Since(c.read) < keepSeen {
		return c.seen, nil
	}
	fresh, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	c.seen, c.read = fresh, time.Now()
	return fresh, nil
}

// forget has the next page look anew, for somebody who has just changed something.
func (c *counts) forget(ctx context.Context) {
	select {
	case c.turn <- struct{}{}:
		c.seen = nil
		<-c.turn
	case <-ctx.Done():
	}
}

func (s *Site) look(ctx context.Context) (*seen, error) {
	now, err := s.backend.Journal.Now(ctx)
	if err != nil {
		return nil, err
	}
	all := &seen{now: now.UTC(), pauses: map[string]pause.Status{}}
	if all.stats, err = s.backend.Journal.Stats(ctx); err != nil {
		return nil, err
	}
	for _, p := range s.cfg.Providers {
		all.providers = append(all.providers, p.Name)
		if all.pauses[p.Name], err = s.operator.Paused(ctx, p.Name); err != nil {
			return nil, err
		}
	}
	if all.hours, err = tally.Read(ctx, s.backend.Redis, all.providers); err != nil {
		return nil, err
	}
	for _, st := range all.stats {
		if !slices.Contains(all.providers, st.Provider) {
			all.providers = append(all.providers, st.Provider)
		}
	}
	return all, nil
}

// in counts the refunds of a provider, or of all with "", in a state.
func (a *seen) in(provider string, state refund.State) int64 {
	var n int64
	for _, s := range a.stats {
		if s.State == state && (provider == "" || s.Provider == provider) {
			n += s.Count
		}
	}
	return n
}

// oldest is the refund of a provider that is longest in a state that is not
// final; false if there is none.
func (a *seen) oldest(provider string) (journal.Stat, bool) {
	var old journal.Stat
	for _, s := range a.stats {
		if s.Provider == provider && !s.State.Terminal() && s.Count > 0 && (old.Count == 0 || s.Oldest.Before(old.Oldest)) {
			old = s
		}
	}
	return old, old.Count > 0
}
