package world

import (
	"context"
	"errors"
	"time"

	"github.com/hibiken/asynq"

	"refundworker/admission"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// Process is one process with connections of its own: a worker, a producer and
// an operator in one. Its methods return ErrDied if it died meanwhile and
// ErrFrozen if it froze; then Thaw goes on.
type Process struct {
	Name      string
	Backend   *tasks.Backend
	Enqueuer  *tasks.Enqueuer
	Operator  *tasks.Operator
	Processor *tasks.Processor
	Sweeper   *tasks.Sweeper
	// Skew is how far its clock is ahead of the world's.
	Skew time.Duration

	world *World
	froze chan struct{}
	gone  chan struct{} // closed when it died
	runs  []chan error  // that are frozen

	// Guarded by world.mu.
	dead     bool
	wake     chan struct{} // closed by Thaw
	made     int           // steps
	faults   map[int]Mode  // by the number of its own step
	labels   []labelled    // the first step that is named so
	cutUntil time.Time
}

func (p *Process) equip() {
	w := p.world
	var accounts []tasks.Account
	for _, c := range w.Config.Providers {
		accounts = append(accounts, tasks.Account{Provider: c, API: w.banks[c.Name].open(p)})
	}
	p.Enqueuer = tasks.NewEnqueuer(p.Backend, w.Config)
	p.Operator = tasks.NewOperator(p.Backend, w.Config)
	desk := admission.New(p.Backend.Redis)
	desk.Board.Now = p.Now
	p.Processor = tasks.NewProcessor(tasks.Parts{
		Journal: p.Backend.Journal, Desk: desk,
		Accounts: accounts, Policy: w.Config.Retry, By: p.Name, Now: p.Now, Random: func() float64 { return 0.5 }, Observer: witness{w},
	})
	p.Sweeper = tasks.NewSweeper(p.Backend, p.Processor, p.Name)
}

// Now is the time by this process's clock.
func (p *Process) Now() time.Time { return time.Now().Add(p.Skew) }

// FaultIn plans a fault for the k-th step from now of this process; 1 is the next.
func (p *Process) FaultIn(k int, mode Mode) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if p.faults == nil {
		p.faults = map[int]Mode{}
	}
	p.faults[p.made+k] = mode
}

// FaultOn plans a fault for the next step of this process whose label has the
// words in it.
func (p *Process) FaultOn(words string, mode Mode) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.labels = append(p.labels, labelled{words, mode})
}

type labelled struct {
	words string
	mode  Mode
}

// ClearFaults takes back what FaultIn and FaultOn planned.
func (p *Process) ClearFaults() {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.faults, p.labels = nil, nil
}

// Dead reports whether the process is gone.
func (p *Process) Dead() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.dead
}

// Frozen reports whether something of the process waits for Thaw.
func (p *Process) Frozen() bool { return len(p.runs) > 0 }

// away is until when the process can't reach Redis; zero: it can.
func (p *Process) away() time.Time {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if time.Now().Before(p.cutUntil) {
		return p.cutUntil
	}
	return time.Time{}
}

// Kill ends the process: nothing that it has begun goes on.
func (p *Process) Kill() {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if !p.dead {
		p.dead = true
		close(p.gone)
	}
}

// Do runs f in the process, until it ends, the process dies, or it freezes.
func (p *Process) Do(f func(ctx context.Context) error) error {
	if p.Dead() {
		return ErrDied
	}
	ended := make(chan error, 1)
	go func() {
		err := ErrDied // what a goroutine that is ended in the middle leaves
		defer func() { ended <- err }()
		defer guarded(&err)
		err = f(context.Background())
	}()
	return p.await(ended)
}

func (p *Process) await(ended chan error) error {
	select {
	case err := <-ended:
		if p.Dead() {
			return ErrDied
		}
		return err
	case <-p.froze:
		p.runs = append(p.runs, ended)
		return ErrFrozen
	}
}

// Thaw lets everything of the process that is frozen go on, and returns how
// what froze first ended.
func (p *Process) Thaw() error {
	runs := p.runs
	p.runs = nil
	p.world.mu.Lock()
	close(p.wake)
	p.wake = make(chan struct{})
	p.world.mu.Unlock()
	var first error
	for i, ended := range runs {
		if err := p.await(ended); i == 0 {
			first = err
		}
	}
	return first
}

// Enqueue takes a refund in and remembers what was answered.
func (p *Process) Enqueue(r refund.Request, options ...tasks.Option) (tasks.Receipt, error) {
	var receipt tasks.Receipt
	err := p.Do(func(ctx context.Context) error {
		got, err := p.Enqueuer.Enqueue(ctx, r, options...)
		p.world.noteAnswer(Asked{Request: r, Receipt: got, Err: err})
		receipt = got
		return err
	})
	return receipt, err
}

// EnqueueAll takes rows of a file in, together, and remembers what was answered.
func (p *Process) EnqueueAll(list []refund.Request, options ...tasks.Option) ([]tasks.Receipt, error) {
	var receipts []tasks.Receipt
	err := p.Do(func(ctx context.Context) error {
		orders := make([]refund.Order, len(list))
		for i, r := range list {
			var err error
			if orders[i], err = p.Enqueuer.Check(r); err != nil {
				return err
			}
		}
		got, err := p.Enqueuer.EnqueueAll(ctx, orders, options...)
		for i, r := range list {
			a := Asked{Request: r, Err: err}
			if err == nil {
				a.Receipt = got[i]
			}
			p.world.noteAnswer(a)
		}
		receipts = got
		return err
	})
	return receipts, err
}

// Deliver runs the handler for the task with a refund's id, as asynq may do at
// any time and more than once. With no such task it fails with ErrNoTask.
func (p *Process) Deliver(id string) error {
	return p.Do(func(ctx context.Context) error {
		info := p.world.task(id)
		if info == nil {
			return ErrNoTask
		}
		if info.State == asynq.TaskStatePending {
			if _, err := p.take(info); err != nil {
				return err
			}
		}
		return p.handle(ctx, info)
	})
}

// Foreign runs the handler for a payload that nobody enqueued.
func (p *Process) Foreign(payload []byte) error {
	return p.Do(func(ctx context.Context) error { return p.Processor.Handle(ctx, asynq.NewTask(tasks.Type, payload)) })
}

// Run makes a refund's next steps without any task.
func (p *Process) Run(id string) error {
	return p.Do(func(ctx context.Context) error {
		rec, err := p.Backend.Journal.Get(ctx, id)
		if err == nil {
			_, err = p.Processor.Run(ctx, rec)
		}
		return err
	})
}

// Tick lets the sweeper sweep once.
func (p *Process) Tick() error {
	return p.Do(func(ctx context.Context) error { return p.Sweeper.Tick(ctx) })
}

// Callback delivers a company's callback for a refund.
func (p *Process) Callback(provider, id string) error {
	return p.Do(func(ctx context.Context) error {
		rec, err := p.Processor.Callback(ctx, provider, id, callbackToken)
		if err == nil && rec != nil {
			err = p.Operator.Rouse(ctx, rec)
		}
		return err
	})
}

// Approve, Resolve, Retry and Cancel are what an operator does here.
func (p *Process) Approve(id, by, note string) error {
	return p.Do(func(ctx context.Context) error { _, err := p.Operator.Approve(ctx, id, by, note); return err })
}

// Resolve decides a refund in review.
func (p *Process) Resolve(id string, r tasks.Resolution) error {
	return p.Do(func(ctx context.Context) error { _, err := p.Operator.Resolve(ctx, id, r); return err })
}

// Retry asks for another try of a refund in review.
func (p *Process) Retry(id string, r journal.RetryRequest) error {
	return p.Do(func(ctx context.Context) error { _, err := p.Operator.Retry(ctx, id, r); return err })
}

// Cancel withdraws a refund.
func (p *Process) Cancel(id, by, note string) error {
	return p.Do(func(ctx context.Context) error { _, err := p.Operator.Cancel(ctx, id, by, note); return err })
}

// Ended reports whether err says that the process died or froze, as opposed to
// what its work came to.
func Ended(err error) bool { return errors.Is(err, ErrDied) || errors.Is(err, ErrFrozen) }
