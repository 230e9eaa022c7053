package pause

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Pass is the answer to a caller who wants to call a provider. The zero Pass
// lets nobody through.
type Pass struct {
	// Open says that the call may be made.
	Open bool
	// Probe, together with Open, says that it is the one trial call under a
	// pause. Its caller must Report, at the least Nothing; else nobody may try
	// again before the lease has run out.
	Probe bool
	// Reason is why the provider is paused. It is empty when it is not, also
	// while it ramps up.
	Reason Reason
	// Detail says more, on one short line: the last failure, or the operator's
	// note.
	Detail string
	// Code is the refusal that calls meet, if that is why the provider is
	// paused. A lookup that works proves nothing then: the trial call must be
	// one that can be refused.
	Code string
	// Wait is when to come back if the pass is not open. It is the same for
	// all who ask at one time: where many wait, add jitter to it.
	Wait time.Duration
	// PausedFor is how long the provider has been paused, ever, up to now. It
	// stands still while the provider is not paused, and falls only if the
	// server's clock is set back during a pause: a clock that is to stop with
	// the provider subtracts how much this has grown, if it has.
	PausedFor time.Duration

	token    string
	asked    time.Time     // by the local clock
	quiet    time.Duration // from then: how long no report is needed that the call worked
	failures uint64        // that this process had reported by then
}

// Enter asks whether a call to the provider may be made now. probeLease is how
// long the call may take at most if it turns out to be a trial call; 0 is
// DefaultLease.
func (b *Board) Enter(ctx context.Context, provider string, probeLease time.Duration) (Pass, error) {
	e := b.Entering(provider, probeLease)
	reply, err := enterScript.Run(ctx, b.rdb, []string{e.Key}, e.Args...).Slice()
	if err != nil {
		return Pass{}, fmt.Errorf("pauses of %s: %w", provider, err)
	}
	return e.Pass(reply)
}

// EnterLua is what Enter runs, for a script that asks more in the same round trip:
// a chunk over KEYS[1] and ARGV, which are Entering's Key and Args, that returns
// what Entering's Pass reads. It is put behind a local time, what TIME answered.
func EnterLua() string { return rulesLua + wellLua + boardLua + enterLua }

// Entering is an Enter that is being asked.
type Entering struct {
	Key  string
	Args []any

	provider string
	pass     Pass
}

// Entering begins an Enter that another script asks for: see EnterLua.
func (b *Board) Entering(provider string, probeLease time.Duration) Entering {
	if probeLease <= 0 {
		probeLease = DefaultLease
	}
	token := strconv.FormatUint(rand.Uint64(), 36) // unlike those of the few that ask for one trial call
	return Entering{
		Key: key(provider), Args: []any{token, micros(min(probeLease, MaxLease)), micros(OperatorWait)},
		provider: provider, pass: Pass{token: token, asked: b.Now(), failures: b.failures(provider).Load()},
	}
}

// Unheard is the pass where the answer is lost. It is not open, and reporting it
// gives a trial call back if it was one.
func (e Entering) Unheard() Pass { return e.pass }

// Pass reads the answer.
func (e Entering) Pass(reply []any) (Pass, error) {
	p, r := e.pass, reader{reply: reply}
	p.Open, p.Probe, p.Wait, p.quiet, p.PausedFor = r.number() == 1, r.number() == 1, r.duration(), r.duration(), r.duration()
	if !p.Open || len(r.reply) > 0 { // a provider that is well has none of them
		p.Reason, p.Detail, p.Code = Reason(r.text()), r.text(), r.text()
	}
	if r.bad || len(r.reply) > 0 {
		return Pass{}, fmt.Errorf("pauses of %s: the script returned %v", e.provider, reply)
	}
	return p, nil
}
