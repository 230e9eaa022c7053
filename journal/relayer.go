package journal

import (
	"context"
	"sync"
	"time"
)

// Bounds of the relayer.
const (
	relayGather = 10 * time.Millisecond // how long events gather before they move together
	relayTime   = 5 * time.Second       // of one move
)

// Relayer moves events to the stream beside the work that makes them, many at a
// time. What it does not move, because it ends or Redis is away, RelayAll does.
type Relayer struct {
	journal *Journal
	failed  func(error)
	wake    chan struct{}

	mu      sync.Mutex
	waiting []*Record
}

// NewRelayer returns a relayer; failed is told of moves that did not work.
func NewRelayer(j *Journal, failed func(error)) *Relayer {
	return &Relayer{journal: j, failed: failed, wake: make(chan struct{}, 1)}
}

// Add has a refund's events moved soon. It does not block.
func (r *Relayer) Add(rec *Record) {
	r.mu.Lock()
	r.waiting = append(r.waiting, rec)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run moves events until ctx ends, and then what is left.
func (r *Relayer) Run(ctx context.Context) {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			r.move(ctx)
			return
		}
		gather := time.NewTimer(relayGather)
		select {
		case <-gather.C:
		case <-ctx.Done():
		}
		gather.Stop()
		r.move(ctx)
	}
}

func (r *Relayer) move(ctx context.Context) {
	r.mu.Lock()
	recs := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	if len(recs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayTime)
	defer cancel()
	if err := r.journal.Relay(ctx, recs...); err != nil {
		r.failed(err)
	}
}
