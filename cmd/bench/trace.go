package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// smallRound is how many refunds the rounds settle that are not measured: enough
// for what happens once a second to stay small beside what happens for each.
const smallRound = 300

func (b *bench) small() *bench {
	small := *b
	small.refunds = min(b.refunds, smallRound)
	return &small
}

// The phases of a round, as they are marked for the watcher.
const (
	phaseEnqueue = "enqueue"
	phaseSettle  = "settle"
	phaseOver    = "over"
)

// trace is what one watched round showed.
type trace struct {
	Path     string    `json:"path"`
	Requests []request `json:"requests"`
	Memory   []holding `json:"memory"` // after the round
}

// writeProfile makes one more round of ours, whose settling is profiled.
func (b *bench) writeProfile(ctx context.Context, p path) (err error) {
	file, err := os.Create(b.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	profiled := *b
	profiled.profile = file
	_, err = profiled.round(ctx, &ourSide{bench: &profiled, path: p})
	return err
}

// trace lets ours settle some refunds while MONITOR watches, which slows
// everything down, and lists the requests by what they are for.
func (b *bench) trace(ctx context.Context, p path) (*trace, error) {
	small := b.small()
	small.traced = true
	// The scripts' texts travel with their first use, and name them.
	if err := b.store.client.ScriptFlush(quietly(ctx)).Err(); err != nil {
		return nil, fmt.Errorf("SCRIPT FLUSH: %w", err)
	}
	seen := newSeen()
	m, err := b.store.watch(ctx, seen.take)
	if err != nil {
		return nil, err
	}
	_, err = small.round(ctx, &ourSide{bench: small, path: p})
	m.stop(ctx)
	if err != nil {
		return nil, fmt.Errorf("traced round: %w", err)
	}
	held, err := b.store.holdings(ctx, small.refunds)
	return &trace{Path: p.name(), Requests: seen.requests(small.refunds), Memory: held}, err
}
