package main

import (
	"context"
	"errors"
	"fmt"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// pair is a Redis with refunds of two providers.
type pair struct {
	*bench
	looker *looker
	other  *bench // the other provider's refunds on the same Redis
	keeper *looker
	first  int64 // of the other's payments
	waits  int64 // refunds of the other that were ever enqueued
	done   int64 // refunds of the first provider that succeeded
}

func openPair(ctx context.Context, l *lab, b *bench) (*pair, error) {
	other := *b
	other.provider = sandbox.Sberbank
	p := &pair{bench: b, other: &other}
	for _, who := range []struct {
		looker **looker
		of     *bench
	}{{&p.looker, b}, {&p.keeper, p.other}} {
		opened, err := who.of.looker(ctx)
		if err != nil {
			return nil, err
		}
		l.ends = append(l.ends, opened.close)
		*who.looker = opened
	}
	return p, nil
}

// crowd lets so many refunds wait for the other provider.
func (p *pair) crowd(ctx context.Context, waiting int64) (err error) {
	if p.first, err = p.simulator.reserve(ctx, p.other.provider, waiting); err != nil {
		return err
	}
	p.waits = waiting
	return p.keeper.fill(ctx, p.first, waiting)
}

// check looks at the money after a round, in which so many refunds were settled.
func (p *pair) check(ctx context.Context, first, refunds int64) error {
	if _, err := p.simulator.settled(ctx, p.provider, first, refunds); err != nil {
		return err
	}
	p.done += refunds
	succeeded, err := p.looker.count(ctx, refund.Succeeded)
	if err != nil {
		return err
	}
	if succeeded != p.done {
		return fmt.Errorf("%d of %d refunds succeeded", succeeded, p.done)
	}
	if p.waits == 0 {
		return nil
	}
	left, err := p.keeper.count(ctx, refund.Queued)
	if err == nil && left == 0 {
		err = errors.New("nothing waits any more: take more for --waiting or less for --limit")
	}
	if err != nil {
		return err
	}
	return p.other.agree(ctx, p.keeper, p.first)
}
