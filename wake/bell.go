package wake

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// Options are what a Bell may do besides.
type Options struct {
	Log *zap.Logger // nil: silent
	// Cancel is called with the id of a task that somebody wants cancelled, which
	// may be another worker's; nil: nobody is.
	Cancel func(taskID string)
}

// Bell wakes the asynq servers of one process. Make a Client for each provider,
// Run it beside the servers, and Stop it before they are shut down.
type Bell struct {
	rdb     redis.UniversalClient
	log     *zap.Logger
	cancel  func(string)
	cluster bool
	stop    chan struct{}
	stopped sync.Once

	mu      sync.Mutex
	clients map[string]*client // by the name of each queue
}

// New returns a Bell on a client that is asynq's own, and stays the caller's.
func New(rdb redis.UniversalClient, o Options) *Bell {
	_, cluster := rdb.(*redis.ClusterClient)
	b := &Bell{rdb: rdb, log: o.Log, cancel: o.Cancel, cluster: cluster, stop: make(chan struct{}), clients: map[string]*client{}}
	if b.log == nil {
		b.log = zap.NewNop()
	}
	if b.cancel == nil {
		b.cancel = func(string) {}
	}
	return b
}

// Client returns the client for all asynq servers over these queues, which are
// named in the order in which asynq asks for their tasks: of strict priority, the
// highest first. No queue may be in two clients of a Bell. room bounds the tasks that
// they take; nil: nothing does but the servers' own concurrency.
func (b *Bell) Client(room Room, queues ...string) redis.UniversalClient {
	if room == nil {
		room = boundless{}
	}
	c := &client{UniversalClient: b.rdb, bell: b, pending: newPending(queues, room, b.stop), delayed: newDelayed(queues, b.stop)}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range queues {
		b.clients[name] = c
	}
	return c
}

// Stop ends all waits. From then on no server finds a task, so that it can be
// shut down at once.
func (b *Bell) Stop() { b.stopped.Do(func() { close(b.stop) }) }

// Run listens and looks until ctx ends. Without it tasks are found late.
func (b *Bell) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { b.listen(ctx) })
	both.Go(func() { b.poll(ctx) })
	both.Wait()
}

// listen hears what is said of queues, over one connection, which the client
// makes anew when it breaks.
func (b *Bell) listen(ctx context.Context) {
	sub := b.rdb.Subscribe(ctx, Channel, cancelChannel)
	defer sub.Close()
	if _, err := sub.ReceiveTimeout(ctx, troubleWait); redis.HasErrorPrefix(err, "NOPERM") {
		b.log.Warn("Redis does not let this user subscribe: a new refund starts up to a tenth of a second later. Allow the channels "+
			Channel+" and "+cancelChannel, zap.Error(err))
	}
	said := sub.Channel(redis.WithChannelSize(1000))
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-said:
			if !open {
				return
			}
			if m.Channel == cancelChannel {
				b.cancel(m.Payload)
			} else {
				b.heard(m.Payload)
			}
		}
	}
}

// heard takes one message of the channel.
func (b *Bell) heard(message string) {
	name, when, waits := strings.Cut(message, " ")
	b.mu.Lock()
	c := b.clients[name]
	b.mu.Unlock()
	if c == nil {
		return // of a provider that is not ours, or of another database
	}
	if !waits {
		c.pending.ring(c.queue(pendingKey(name)))
	} else if at, err := strconv.ParseInt(when, 10, 64); err == nil {
		c.delayed.note(c.set(scheduledKey(name)), at)
	}
}
