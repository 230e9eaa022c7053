package redisconn

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// gatherAtMost bounds the calls in one pipeline.
const gatherAtMost = 128

// errLost is the answer to a call whose sender ended in the middle.
var errLost = errors.New("redis: what sent the call ended before the answer came")

// gatherer sends what goroutines want at about the same moment together. Nobody
// waits for others to come: a call that comes alone goes at once, and those that
// come while others are under way go together next. So a busy server sees a few
// large requests instead of many small ones, and its disk and its replicas are
// waited for once for all of them.
//
// It has no goroutines of its own: of those who wait, one sends for all.
type gatherer[C any] struct {
	send   func([]C) // returns when all are answered; bounds itself
	atOnce int       // sends under way at most: the fewer, the more goes together

	mu      sync.Mutex
	waiting []*gathered[C]
	sending int
}

// gathered is one call. done is closed when it is over, answered or lost; lead
// when it is its caller's turn to send.
type gathered[C any] struct {
	call       C
	done, lead chan struct{}
	answered   bool
	leads      bool
}

// do sends a call and waits until it is answered. With the context's error it
// is not known whether it was; then the channel is closed once nothing
// touches the call any more, nil where nothing ever did.
func (g *gatherer[C]) do(ctx context.Context, call C) (<-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return g.await(ctx, g.join(call))
}

// join puts a call among those that wait.
func (g *gatherer[C]) join(call C) *gathered[C] {
	one := &gathered[C]{call: call, done: make(chan struct{}), lead: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, one)
	if g.sending < g.atOnce {
		g.sending++
		one.leads = true
		close(one.lead)
	}
	return one
}

// await is the rest of do. Whoever has the turn to send and does not send hands
// it over: of several things that have happened by now select sees any one.
func (g *gatherer[C]) await(ctx context.Context, one *gathered[C]) (<-chan struct{}, error) {
	select {
	case <-one.lead:
		g.together()
	case <-one.done: // another sender took it
		g.mu.Lock()
		if one.leads {
			g.handOver()
		}
		g.mu.Unlock()
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		i := slices.Index(g.waiting, one)
		if i >= 0 {
			g.waiting = slices.Delete(g.waiting, i, i+1)
		}
		if one.leads {
			g.handOver()
		}
		if i < 0 {
			return one.done, ctx.Err()
		}
		return nil, ctx.Err()
	}
	<-one.done // also where another sender took it first
	if !one.answered {
		return one.done, errLost
	}
	return one.done, nil
}

// together sends what waits, once, and hands the turn over.
func (g *gatherer[C]) together() {
	runtime.Gosched() // those who are about to call may come along
	g.mu.Lock()
	n := min(len(g.waiting), gatherAtMost)
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.mu.Unlock()
	answered := false
	defer func() { // whatever ends it, nobody else may be left waiting
		for _, one := range batch {
			one.answered = answered
			close(one.done)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.handOver()
	}()
	if n == 0 {
		return
	}
	calls := make([]C, n)
	for i, one := range batch {
		calls[i] = one.call
	}
	g.send(calls)
	answered = true
}

// handOver makes it the next one's turn to send. The caller holds the lock.
func (g *gatherer[C]) handOver() {
	for _, next := range g.waiting {
		if !next.leads {
			next.leads = true
			close(next.lead)
			return
		}
	}
	g.sending--
}
