package tasks

import (
	"context"
	"slices"
	"sync"
	"time"
)

// crew works on overdue refunds, a few of each provider at once, so that a
// provider that is slow keeps nobody else's waiting. Its zero value is ready.
type crew struct {
	running sync.WaitGroup

	mu    sync.Mutex
	hands map[string]int  // by provider, goroutines at work
	under map[string]bool // by id, refunds under way
}

// work has do called for each look, and waits until all have ended, or for
// patience, if that is not 0; what is under way then goes on. It returns those
// whose turn did not come: the time was over before it, or their provider has
// enough under way from before.
func (c *crew) work(ctx context.Context, looks []look, patience time.Duration, do func(look)) (late []look) {
	byProvider := map[string][]look{}
	for _, l := range looks {
		byProvider[l.rec.Provider] = append(byProvider[l.rec.Provider], l)
	}
	over := make(chan struct{})
	if patience > 0 {
		timer := time.AfterFunc(patience, func() { close(over) })
		defer timer.Stop()
	}
	var here sync.WaitGroup
	var queues []chan look
	for provider, list := range byProvider {
		queue := make(chan look, len(list))
		for _, l := range list {
			queue <- l
		}
		close(queue)
		queues = append(queues, queue)
		for range c.hire(provider, min(sweepEach, len(list))) {
			here.Add(1)
			go func() {
				defer here.Done()
				defer c.leave(provider)
				for l := range queue {
					c.one(ctx, l, do)
				}
			}()
		}
	}
	ended := make(chan struct{})
	go func() { here.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-over:
	}
	for _, queue := range queues { // which ends the hands, too
		for l := range queue {
			late = append(late, l)
		}
	}
	return c.idle(late)
}

// one does one look, unless an earlier sweep is still at it.
func (c *crew) one(ctx context.Context, l look, do func(look)) {
	if ctx.Err() != nil || !c.begin(l.ID) {
		return
	}
	defer c.end(l.ID)
	do(l)
}

// idle are those of the looks that nobody is at.
func (c *crew) idle(looks []look) []look {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(looks, func(l look) bool { return c.under[l.ID] })
}

func (c *crew) begin(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under == nil {
		c.under = map[string]bool{}
	}
	again := c.under[id]
	c.under[id] = true
	return !again
}

func (c *crew) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.under, id)
}

// hire takes on as many as there is room for.
func (c *crew) hire(provider string, want int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hands == nil {
		c.hands = map[string]int{}
	}
	n := min(want, sweepEach-c.hands[provider])
	c.hands[provider] += n
	c.running.Add(n)
	return n
}

func (c *crew) leave(provider string) {
	c.mu.Lock()
	c.hands[provider]--
	c.mu.Unlock()
	c.running.Done()
}
