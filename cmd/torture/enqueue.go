package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"refundworker/refund"
	"refundworker/tasks"
)

const (
	producers    = 4
	enqueueTime  = 10 * time.Second // of one try
	enqueueShare = 0.6              // of the time of troubles, in which all is enqueued
)

// enqueue takes all refunds in while things break, as an order system does:
// after an error it asks again with the same id until it is told.
func (st *stage) enqueue(ctx context.Context, p *plan) error {
	enqueuer := tasks.NewEnqueuer(st.producer, st.cfg)
	began, span := time.Now(), time.Duration(float64(st.length)*enqueueShare)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(producers)
	for n, j := range p.jobs {
		if err := wait(ctx, time.Until(began.Add(span*time.Duration(n)/time.Duration(len(p.jobs))))); err != nil {
			break
		}
		group.Go(func() error { return st.enqueueJob(ctx, enqueuer, j) })
	}
	return group.Wait()
}

func (st *stage) enqueueJob(ctx context.Context, e *tasks.Enqueuer, j job) error {
	got, err := st.ask(ctx, e, j.request)
	if err != nil {
		return err
	}
	if got.Status != tasks.Queued && got.Status != tasks.Existing {
		return fmt.Errorf("refund %s was answered %s: %s", j.request.RefundID, got.Status, got.Message)
	}
	if j.repeat {
		st.tally.add(&st.tally.Repeats, 1)
		got, err := st.ask(ctx, e, j.request)
		if err == nil && got.Status != tasks.Existing {
			err = fmt.Errorf("refund %s was enqueued again and answered %s: %s", j.request.RefundID, got.Status, got.Message)
		}
		if err != nil {
			return err
		}
	}
	if j.twin == "" {
		return nil
	}
	twin := j.request
	twin.RefundID = j.twin
	st.tally.add(&st.tally.Twins, 1)
	got, err = st.ask(ctx, e, twin)
	if err == nil && got.Status == tasks.Duplicate {
		st.tally.add(&st.tally.Refused, 1)
	}
	// Any other answer is right where the first was declined meanwhile; what
	// moved will tell.
	return err
}

// ask enqueues until there is an answer.
func (st *stage) ask(ctx context.Context, e *tasks.Enqueuer, r refund.Request) (tasks.Receipt, error) {
	for {
		try, cancel := context.WithTimeout(ctx, enqueueTime)
		receipt, err := e.Enqueue(try, r, tasks.By("torture"))
		cancel()
		if err == nil {
			return receipt, nil
		}
		st.tally.add(&st.tally.Retried, 1)
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return receipt, fmt.Errorf("refund %s was not enqueued: %w", r.RefundID, err)
		}
	}
}

// settle waits until every refund has ended or stands in review. What has not
// in time is the verdict's business.
func (st *stage) settle(ctx context.Context) error {
	over := time.Now().Add(st.patience)
	for said := time.Now(); ; {
		for _, w := range st.workers {
			if err := w.revive(); err != nil {
				return err
			}
		}
		stats, err := st.backend.Journal.Stats(ctx)
		if tasks.Unreachable(err) && time.Now().Before(over) {
			// The last restart of Redis may not be over: it reads its file first.
			if err := wait(ctx, 200*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		open := int64(0)
		for _, s := range stats {
			if !s.State.Terminal() && s.State != refund.Review {
				open += s.Count
			}
		}
		if open == 0 || time.Now().After(over) {
			st.say("%d refunds are still open", open)
			return nil
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			st.say("%d refunds are still open", open)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
