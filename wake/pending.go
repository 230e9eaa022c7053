package wake

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// idleWait bounds one wait; asynq then comes back with the same question.
	idleWait = time.Second
	// troubleWait keeps asynq, which asks again at once, from hammering a Redis
	// that fails.
	troubleWait = 100 * time.Millisecond
)

// Room bounds the tasks that are taken off a provider's queues.
type Room interface {
	// Free reports whether there is room for one more.
	Free() bool
	// Expect reports whether one may be looked for. Found or Miss ends the look.
	Expect() bool
	// Found says which task there was. It is expected until its handler runs, or until
	// Gone says that it has ended; Gone is also said of others.
	Found(taskID string)
	Gone(taskID string)
	// Miss says that there was none.
	Miss()
	// Freed tells one of those who wait for room that there may be some.
	Freed() <-chan struct{}
}

// pending is what is known of the tasks that are ready in a provider's queues.
type pending struct {
	queues []*queue // the first one is the first that asynq asks for
	room   Room
	bell   chan struct{}
	stop   <-chan struct{}
}

// queue is dry while nothing was heard of it since a look that found nothing
// began. What is heard while a look is under way so is never forgotten.
type queue struct {
	key          string
	mu           sync.Mutex
	rung, looked uint64
	loud         bool // the last poll found something
}

func newPending(names []string, room Room, stop <-chan struct{}) *pending {
	p := &pending{room: room, bell: make(chan struct{}, 1), stop: stop}
	for _, name := range names {
		p.queues = append(p.queues, &queue{key: pendingKey(name), rung: 1})
	}
	return p
}

// take answers asynq's question for a task of a queue. One of those who wait is
// woken at a time, and wakes the next when it has found something: a task that
// comes alone is looked for by one.
func (p *pending) take(ctx context.Context, q *queue, look func() *redis.Cmd) *redis.Cmd {
	if q == p.queues[0] {
		p.wait(ctx)
	}
	heard, dry := q.state()
	if dry || closed(p.stop) || p.behind(q) || !p.room.Expect() {
		return answer(ctx, nil, redis.Nil)
	}
	cmd := look()
	if id := idOf(cmd); id != "" {
		p.room.Found(id)
	} else {
		p.room.Miss()
	}
	switch err := cmd.Err(); {
	case err == nil:
		p.nudge()
	case errors.Is(err, redis.Nil):
		q.found(heard)
	case !redis.HasErrorPrefix(err, "NOSCRIPT"):
		pause(p.stop, troubleWait)
	}
	return cmd
}

// behind reports whether a queue is not its turn, because one before it may hold
// something for which there was no room a moment ago.
func (p *pending) behind(q *queue) bool {
	for _, first := range p.queues {
		if first == q {
			return false
		}
		if _, dry := first.state(); !dry {
			return true
		}
	}
	return false
}

// idOf is the id of the task that a look has found, as asynq's message has it; empty
// if there is none that can be read.
func idOf(cmd *redis.Cmd) string {
	message, err := cmd.Text()
	if err != nil {
		return ""
	}
	for rest := []byte(message); len(rest) > 0; {
		field, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return ""
		}
		if rest = rest[n:]; field == idField && kind == protowire.BytesType {
			id, _ := protowire.ConsumeBytes(rest)
			return string(id)
		}
		if n = protowire.ConsumeFieldValue(field, kind, rest); n < 0 {
			return ""
		}
		rest = rest[n:]
	}
	return ""
}

// idField is the id in asynq's TaskMessage (internal/proto/asynq.proto of v0.26).
const idField = 3

// wait returns when a queue may hold something and there is room for it, or after a
// while.
func (p *pending) wait(ctx context.Context) {
	if p.ready() {
		return
	}
	timer := time.NewTimer(idleWait)
	defer timer.Stop()
	for !p.ready() {
		select {
		case <-p.bell:
		case <-p.room.Freed():
		case <-timer.C:
			return
		case <-p.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (p *pending) ready() bool {
	for _, q := range p.queues {
		if _, dry := q.state(); !dry {
			return p.room.Free()
		}
	}
	return false
}

// ring says that a queue may hold something.
func (p *pending) ring(q *queue) {
	q.mu.Lock()
	q.rung++
	q.mu.Unlock()
	p.nudge()
}

// nudge wakes one who waits, or the next one to.
func (p *pending) nudge() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (q *queue) state() (heard uint64, dry bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rung, q.rung == q.looked
}

// found notes a look that found nothing, and what had been heard as it began.
func (q *queue) found(heard uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.looked = max(q.looked, heard)
}

// answer is what Redis would have said.
func answer(ctx context.Context, value any, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(value)
	cmd.SetErr(err)
	return cmd
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func pause(stop <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}

// boundless has room for any task.
type boundless struct{}

func (boundless) Free() bool             { return true }
func (boundless) Expect() bool           { return true }
func (boundless) Found(string)           {}
func (boundless) Gone(string)            {}
func (boundless) Miss()                  {}
func (boundless) Freed() <-chan struct{} { return nil }
