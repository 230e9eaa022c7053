package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"refundworker/admission"
	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/web"
	"refundworker/web/access"
)

// looker is somebody who looks at the journal while no worker runs.
type looker struct {
	cfg       *config.Config
	backend   *tasks.Backend
	processor *tasks.Processor
	provider  string
}

func (b *bench) looker(ctx context.Context) (*looker, error) {
	cfg, err := b.setup(path{}, b.provider).load()
	if err != nil {
		return nil, err
	}
	backend, err := tasks.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	parts := tasks.Parts{Journal: backend.Journal, Desk: admission.New(backend.Redis), Policy: cfg.Retry, By: "bench"}
	for _, p := range cfg.Providers {
		api, err := p.Driver.Open(p.Settings)
		if err != nil {
			_ = backend.Close()
			return nil, err
		}
		parts.Accounts = append(parts.Accounts, tasks.Account{Provider: p, API: api})
	}
	return &looker{cfg, backend, tasks.NewProcessor(parts), b.provider}, nil
}

func (l *looker) close() { _ = l.backend.Close() }

// Filling goes as enqueue batch does: so many orders in one call, so many calls at
// once.
const (
	perFill   = 32
	fillers   = 8
	fillBound = 30 * time.Minute
)

// fill enqueues refunds of so many payments from that one on.
func (l *looker) fill(ctx context.Context, first, count int64) error {
	ctx, cancel := context.WithTimeout(ctx, fillBound)
	defer cancel()
	enqueuer := tasks.NewEnqueuer(l.backend, l.cfg)
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(fillers)
	for from := first; from < first+count && each.Err() == nil; from += perFill {
		group.Go(func() error {
			var orders []refund.Order
			for n := from; n < min(from+perFill, first+count); n++ {
				o, err := enqueuer.Check(order(l.provider, n))
				if err != nil {
					return err
				}
				orders = append(orders, o)
			}
			receipts, err := enqueuer.EnqueueAll(each, orders)
			for _, r := range receipts {
				if r.Status != tasks.Queued {
					return fmt.Errorf("refund %s is %s: %s", r.RefundID, r.Status, r.Message)
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err() // it may have ended before the last were begun
}

// count counts the provider's refunds in a state.
func (l *looker) count(ctx context.Context, state refund.State) (int64, error) {
	stats, err := l.backend.Journal.Stats(ctx)
	for _, s := range stats {
		if s.Provider == l.provider && s.State == state {
			return s.Count, nil
		}
	}
	return 0, err
}

func (l *looker) stats(ctx context.Context) error {
	_, err := l.backend.Journal.Stats(ctx)
	return err
}

// perPage is what a page of the web has.
const perPage = 50

func (l *looker) page(ctx context.Context) error {
	_, err := l.backend.Journal.Page(ctx, journal.PageOf{State: refund.Queued, Providers: []string{l.provider}, Limit: perPage})
	return err
}

// list reads what refundctl list shows first.
func (l *looker) list(ctx context.Context) error {
	n := 0
	for _, err := range l.backend.Journal.List(ctx, journal.Filter{State: refund.Queued}) {
		if err != nil {
			return err
		}
		if n++; n == perPage {
			break
		}
	}
	return nil
}

// overview is the first page of a site that nobody has asked before, so that
// nothing is remembered.
func (l *looker) overview(ctx context.Context) error {
	guard, err := access.New(access.Options{Web: l.cfg.Web, Listen: l.cfg.Listen, Redis: func() redis.UniversalClient { return l.backend.Redis }})
	if err != nil {
		return err
	}
	site, err := web.New(web.Options{Config: l.cfg, Backend: l.backend, Gate: guard})
	if err != nil {
		return err
	}
	answer := httptest.NewRecorder()
	guard.Protect(site).ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/", nil))
	if answer.Code != http.StatusOK {
		return fmt.Errorf("the overview answers %d: %.200s", answer.Code, answer.Body)
	}
	return nil
}

// timed is the median of five.
func timed(ctx context.Context, do func(context.Context) error) (time.Duration, error) {
	var took []time.Duration
	for range 5 {
		start := time.Now()
		if err := do(ctx); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[2], nil
}
