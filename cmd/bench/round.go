package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"refundworker/refund"
)

// bench is what all rounds on one Redis share.
type bench struct {
	settings
	store     *store
	simulator *simulator
	trips     *trips
	traced    bool                        // somebody watches, who is to be told where a round stands
	profile   io.Writer                   // takes the CPU profile of settling; nil: none
	between   func(context.Context) error // called when all waits, before the side starts; nil: nothing is
}

// side is one of the two that are compared.
type side interface {
	// open gets ready to enqueue; done is called when all is enqueued.
	open(ctx context.Context) (enqueue func(context.Context, refund.Request) error, done func() error, err error)
	// work starts to take refunds from the queue; stop returns when it ended.
	// fail ends the round at once.
	work(ctx context.Context, fail func(error)) (stop func() error, err error)
	// verify looks, after the queue is empty, whether all n are settled.
	verify(ctx context.Context, n int) error
}

// sample is what one round of one side came to, per refund where not said.
type sample struct {
	PerSecond        float64 `json:"refunds_per_second"`
	Trips            float64 `json:"round_trips"` // ours and asynq's
	Commands         float64 `json:"redis_commands"`
	BytesIn          float64 `json:"redis_bytes_in"`
	BytesOut         float64 `json:"redis_bytes_out"`
	WaitingBytes     float64 `json:"redis_memory_waiting"`
	SettledBytes     float64 `json:"redis_memory_settled"`
	EnqueuePerSecond float64 `json:"enqueued_per_second"`
	EnqueueTrips     float64 `json:"enqueue_round_trips"`
	Worker           cost    `json:"cpu_worker"`        // and whatever else this process does meanwhile, which is little
	Redis            cost    `json:"cpu_redis"`         // with its threads
	Provider         cost    `json:"cpu_provider"`      // the simulator
	Moved            int64   `json:"moved_minor_units"` // by all of the round
}

// roundTime bounds a round: a worker that settles twenty refunds a second is
// taken for stuck.
func (b *bench) roundTime() time.Duration {
	return time.Minute + time.Duration(b.refunds)*50*time.Millisecond
}

// mark tells whoever watches Redis that another phase begins.
func (b *bench) mark(ctx context.Context, phase string) error {
	if !b.traced {
		return nil
	}
	return b.store.client.Echo(quietly(ctx), phase).Err()
}

// warmUp makes a round of each side that does not count: what Redis and this
// process set up once is then there.
func (b *bench) warmUp(ctx context.Context, paths []path) error {
	sides := []side{bareSide{b}}
	for _, p := range paths {
		sides = append(sides, &ourSide{bench: b, path: p})
	}
	for _, s := range sides {
		if _, err := b.round(ctx, s); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	return nil
}

// round fills a queue, lets the side empty it, and checks the money.
func (b *bench) round(ctx context.Context, s side) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	n, per := int64(b.refunds), func(total int64) float64 { return float64(total) / float64(b.refunds) }
	first, err := b.simulator.reserve(ctx, b.provider, n)
	if err != nil {
		return sample{}, err
	}
	if err := b.store.empty(ctx); err != nil {
		return sample{}, err
	}
	empty, err := b.store.gauge(ctx)
	if err != nil {
		return sample{}, err
	}
	var out sample
	before := b.trips.now()
	took, err := b.fill(ctx, s, first)
	if err != nil {
		return out, fmt.Errorf("enqueue: %w", err)
	}
	filled := b.trips.now() - before
	out.EnqueuePerSecond = float64(n) / took.Seconds()
	out.EnqueueTrips = per(filled)

	if err := b.mark(ctx, phaseSettle); err != nil {
		return out, err
	}
	full, err := b.store.gauge(ctx)
	if err != nil {
		return out, err
	}
	if b.between != nil {
		if err := b.between(quietly(ctx)); err != nil {
			return out, err
		}
	}
	provider, err := b.simulator.cpu(ctx)
	if err != nil {
		return out, err
	}
	before = b.trips.now()
	own := ownCPU()
	took, looks, err := b.drain(ctx, s)
	if err != nil {
		return out, err
	}
	out.Worker = ownCPU().since(own).per(b.refunds)
	worked := b.trips.now() - before
	providerAfter, err := b.simulator.cpu(ctx)
	if err != nil {
		return out, err
	}
	out.Provider = providerAfter.since(provider).per(b.refunds)
	if err := b.mark(ctx, phaseOver); err != nil {
		return out, err
	}
	done, err := b.store.gauge(ctx)
	if err != nil {
		return out, err
	}
	out.PerSecond = float64(n) / took.Seconds()
	out.Redis = done.cpu.since(full.cpu).per(b.refunds)
	out.Trips = per(worked)
	out.Commands = per(done.commands - full.commands - looks*commandsPerLook)
	out.BytesIn, out.BytesOut = per(done.in-full.in), per(done.out-full.out)
	out.WaitingBytes, out.SettledBytes = per(full.memory-empty.memory), per(done.memory-empty.memory)
	if err := s.verify(quietly(ctx), b.refunds); err != nil {
		return out, err
	}
	out.Moved, err = b.simulator.settled(ctx, b.provider, first, n)
	return out, err
}

// fill enqueues all refunds, as many at once as are worked on at once.
func (b *bench) fill(ctx context.Context, s side, first int64) (took time.Duration, err error) {
	enqueue, done, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, done()) }()
	start := time.Now()
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range b.concurrency {
		group.Go(func() error {
			for {
				n := next.Add(1) - 1
				if n >= int64(b.refunds) {
					return nil
				}
				if err := enqueue(ctx, order(b.provider, first+n)); err != nil {
					return err
				}
			}
		})
	}
	err = group.Wait()
	return time.Since(start), err
}

// drain takes the time from starting the side until its queue is empty. While
// the provider has not been called for all refunds only the provider is asked,
// so that looking costs Redis next to nothing.
func (b *bench) drain(ctx context.Context, s side) (took time.Duration, looks int64, err error) {
	before, err := b.simulator.calls(ctx, b.provider)
	if err != nil {
		return 0, 0, err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if b.profile != nil {
		if err := pprof.StartCPUProfile(b.profile); err != nil {
			return 0, 0, err
		}
		defer pprof.StopCPUProfile()
	}
	start := time.Now()
	stop, err := s.work(ctx, fail)
	if err != nil {
		return 0, 0, err
	}
	err = b.follow(ctx, before, &looks)
	took = time.Since(start)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = cause
	}
	return took, looks, errors.Join(err, stop())
}

// await waits until the provider got so many refund calls and the queue is empty.
func (b *bench) await(ctx context.Context, calls int64) error {
	ctx, cancel := context.WithTimeout(ctx, b.roundTime())
	defer cancel()
	looks := int64(0)
	return b.follow(ctx, calls-int64(b.refunds), &looks)
}

func (b *bench) follow(ctx context.Context, before int64, looks *int64) error {
	for pause := 2 * time.Millisecond; ; {
		calls, err := b.simulator.reached(ctx, b.provider, before+int64(b.refunds))
		if err == nil && calls-before >= int64(b.refunds) {
			var left waiting
			*looks++
			if left, err = b.store.waiting(ctx, b.provider); err == nil && left.none() {
				return nil
			}
			pause = min(pause*5/4, 20*time.Millisecond)
			if err == nil {
				err = wait(ctx, pause)
			}
		}
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				left, _ := b.store.waiting(context.WithoutCancel(ctx), b.provider)
				err = fmt.Errorf("not settled within %s: the provider got %d calls of %d, the queue holds %+v", b.roundTime(), calls-before, b.refunds, left)
			}
			return err
		}
	}
}
