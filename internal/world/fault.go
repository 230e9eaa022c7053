package world

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"refundworker/redisconn"
)

// Step is one thing that a process does to the outside: a round trip to Redis
// or a call of a provider.
type Step struct {
	Number   int // from 1, over all processes
	Process  string
	Label    string
	Provider bool // a provider's call
	Write    bool // it may change something
	Commands int  // of a pipeline; 0: it is none
}

// String names the step.
func (s Step) String() string { return fmt.Sprintf("%d %s %s", s.Number, s.Process, s.Label) }

// Mode is what goes wrong at a step.
type Mode int

// The modes. Those that concern Redis only do nothing at a provider's call.
const (
	None        Mode = iota
	DieBefore        // nothing of the step happens, and the process is gone
	DieAfter         // the step happens, and the process is gone before it sees the reply
	LoseReply        // the step happens, and the connection breaks before the reply
	LoseWrite        // the connection breaks before the step
	Repeat           // Redis: the reply is lost, and the client repeats the step by itself
	Unconfirmed      // Redis: the step happens, and is not confirmed as durable
	Half             // Redis: of a pipeline the first half happens, and the connection breaks
	CutAfter         // Redis: as LoseReply, and Redis can't be reached for Outage
	CutBefore        // Redis: as LoseWrite, and Redis can't be reached for Outage
	Freeze           // the goroutine stands still before the step until Thaw, and then goes on
	FreezeSent       // so it does, but past all checks of its own clock: the step comes late
	FreezeAfter      // it stands still when the step has happened, before it looks at the reply
	Hold             // as Freeze; for tests that only want others to act in between
	Slow             // Redis: the answer takes Slowness
)

// Slowness is how long a slow answer takes.
const Slowness = 30 * time.Millisecond

// Outage is how long a cut lasts: longer than a worker tries to write an
// outcome down.
const Outage = 5 * time.Minute

// Modes lists all faults.
var Modes = []Mode{DieBefore, DieAfter, LoseReply, LoseWrite, Repeat, Unconfirmed, Half, CutAfter, CutBefore, Freeze, FreezeSent, FreezeAfter}

var modeNames = [...]string{"none", "die-before", "die-after", "lose-reply", "lose-write", "repeat", "unconfirmed", "half", "cut-after",
	"cut-before", "freeze", "freeze-sent", "freeze-after", "hold", "slow"}

// String names the mode as tests do.
func (m Mode) String() string { return modeNames[m] }

// RedisOnly reports whether the mode does nothing at a provider's call.
func (m Mode) RedisOnly() bool { return m >= Repeat && m <= CutBefore }

// Kills reports whether the process is gone afterwards.
func (m Mode) Kills() bool { return m == DieBefore || m == DieAfter }

// What the calls of a Process may return.
var (
	ErrDied   = errors.New("world: the process is gone")
	ErrFrozen = errors.New("world: the process is frozen")
	ErrPanic  = errors.New("world: panic")
	errBroken = fmt.Errorf("world: the connection broke: %w", io.EOF)
	errLater  = fmt.Errorf("world: %w", redisconn.ErrNotDurable)
)

// extent is how a step reaches the outside.
type extent int

const (
	whole extent = iota
	late         // past the checks of the process's own clock
	half         // only the first half of a pipeline
)

// effect is a step as it reaches the outside.
type effect func(extent) error

// meet makes one step of p under the fault that is planned for it. lost is what
// p sees where the step or its answer gets lost.
func (p *Process) meet(s Step, do effect, lost func(error) error) error {
	mode, away := p.count(s)
	switch {
	case s.Provider && mode.RedisOnly():
		mode = None
	case !s.Provider && away:
		return lost(errBroken)
	}
	switch mode {
	case DieBefore:
		p.die()
	case DieAfter:
		_ = do(whole)
		p.die()
	case LoseReply, CutAfter:
		_ = do(whole)
		p.cut(mode)
		return lost(errBroken)
	case LoseWrite, CutBefore:
		p.cut(mode)
		return lost(errBroken)
	case Repeat:
		_ = do(whole)
	case Half:
		if s.Commands > 1 {
			_ = do(half)
		}
		return lost(errBroken)
	case Unconfirmed:
		_ = do(whole)
		return lost(errLater)
	case Slow:
		err := do(whole)
		time.Sleep(Slowness)
		return err
	case Freeze, Hold:
		p.freeze()
	case FreezeSent:
		p.freeze()
		return do(late)
	case FreezeAfter:
		err := do(whole)
		p.freeze()
		return err
	}
	return do(whole)
}

// count notes the step and takes its fault; away: Redis can't be reached. A
// process that is gone makes no steps.
func (p *Process) count(s Step) (mode Mode, away bool) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.dead {
		runtime.Goexit()
	}
	s.Number, s.Process = len(w.steps)+1, p.Name
	w.steps = append(w.steps, s)
	p.made++
	away = time.Now().Before(p.cutUntil)
	if w.Plan != nil {
		mode = w.Plan(s)
	}
	if own, ok := p.faults[p.made]; ok {
		delete(p.faults, p.made)
		return own, away
	}
	for i, f := range p.labels {
		if strings.Contains(s.Label, f.words) {
			p.labels = slices.Delete(p.labels, i, i+1)
			return f.mode, away
		}
	}
	return mode, away
}

func (p *Process) cut(m Mode) {
	if m != CutAfter && m != CutBefore {
		return
	}
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.cutUntil = time.Now().Add(Outage)
}

// die ends the process, and the goroutine where it stands.
func (p *Process) die() {
	p.Kill()
	runtime.Goexit()
}

// freeze stands still until Thaw. It does not come back if the process is
// killed meanwhile.
func (p *Process) freeze() {
	p.world.mu.Lock()
	wake := p.wake
	p.world.mu.Unlock()
	p.froze <- struct{}{}
	select {
	case <-wake:
	case <-p.gone:
		runtime.Goexit()
	}
}
