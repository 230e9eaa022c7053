package main

import (
	"context"
	"time"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
)

// How often the journal is read while a refund is waited for.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = time.Second
)

// settle waits until the refund is final or stands in review, or the time is
// over, or the context ends. Redis may be away meanwhile, but not at the end:
// then the refund's state is not known.
func (f *refundFlags) settle(ctx context.Context, s *cli.Session, a *answer) error {
	over, cancel := context.WithTimeout(ctx, f.wait)
	defer cancel()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		rec, err := look(ctx, s, a.RefundID)
		if err == nil {
			a.State, a.ReasonCode = rec.State, rec.ReasonCode
			if rec.State.Terminal() || rec.State == refund.Review {
				return nil
			}
		}
		if over.Err() != nil {
			if ctx.Err() != nil {
				return nil // interrupted: the last known state stands
			}
			return s.Explain(ctx, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-over.Done():
			timer.Stop()
		}
	}
}

// lookTimeout bounds one reading.
const lookTimeout = 3 * time.Second

func look(ctx context.Context, s *cli.Session, id string) (*journal.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return s.Backend.Journal.Get(ctx, id)
}
