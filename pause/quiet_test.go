package pause_test

import (
	"testing"
	"time"

	"refundworker/pause"
)

// A report is left out if and only if it could change nothing.
func TestWhatIsNotReported(t *testing.T) {
	well := func(b *bench) { b.report(good) }
	for name, c := range map[string]struct {
		before func(b *bench)                     // what the provider was like
		during func(b *bench, other *pause.Board) // what happens while the call is under way
		result pause.Result
		sent   bool
	}{
		"that a call worked, as one did just before":       {before: well, result: good},
		"that a lookup worked, as a call did just before":  {before: well, result: pause.Answered()},
		"that nothing was called":                          {before: well, result: nothing},
		"that nothing was called, of a sick provider":      {before: func(b *bench) { b.report(sick) }, result: nothing},
		"the first call that works":                        {result: good, sent: true},
		"when the last that worked is a second ago":        {before: func(b *bench) { b.report(good); b.after(time.Second) }, result: good, sent: true},
		"when it is a second ago by the end of the call":   {before: well, during: func(b *bench, _ *pause.Board) { b.after(time.Second) }, result: good, sent: true},
		"when failures are counted":                        {before: func(b *bench) { b.report(sick); b.report(good); b.report(sick) }, result: good, sent: true},
		"when refusals are counted":                        {before: func(b *bench) { b.report(good); b.report(empty) }, result: good, sent: true},
		"when a call failed in the ten seconds before":     {before: func(b *bench) { b.report(sick); b.after(10*time.Second - 1); b.report(good) }, result: good, sent: true},
		"when none failed in the ten seconds before":       {before: func(b *bench) { b.report(sick); b.after(10 * time.Second); b.report(good) }, result: good},
		"when a call of this process failed meanwhile":     {before: well, during: func(b *bench, _ *pause.Board) { b.report(sick) }, result: good, sent: true},
		"not when one of another process failed meanwhile": {before: well, during: func(b *bench, o *pause.Board) { mustDo(b.T, o.Report(ctx, provider, sick)) }, result: good},
		"while it ramps up":                                {before: func(b *bench) { b.operatorPause(""); b.resume(); b.report(good) }, result: good, sent: true},
		"a failure":                                        {before: well, result: sick, sent: true},
		"a refund without an answer":                       {before: well, result: pause.Unanswered("timeout"), sent: true},
		"a refusal":                                        {before: well, result: empty, sent: true},
		"refused credentials":                              {before: well, result: badKey, sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			other := newBoard(t, b.mr)
			if c.before != nil {
				c.before(b)
			}
			pass := b.open()
			if c.during != nil {
				c.during(b, other)
			}
			before := b.mr.CommandCount()
			b.report(c.result.Of(pass))
			if sent := b.mr.CommandCount() > before; sent != c.sent {
				t.Errorf("reported: %t, want %t", sent, c.sent)
			}
		})
	}
}

func TestWithoutItsPassEverythingIsReported(t *testing.T) {
	b := newBench(t)
	for _, r := range []pause.Result{good, pause.Answered(), nothing, sick} {
		before := b.mr.CommandCount()
		b.report(r)
		if b.mr.CommandCount() == before {
			t.Errorf("%+v was not reported", r)
		}
	}
}

func TestATrialCallIsAlwaysReported(t *testing.T) {
	for _, r := range []pause.Result{good, pause.Answered(), nothing, sick} {
		b := newBench(t)
		b.times(5, sick)
		b.after(time.Second)
		trial := b.probe()
		before := b.mr.CommandCount()
		b.report(r.Of(trial))
		if b.mr.CommandCount() == before {
			t.Errorf("%+v was not reported", r)
		}
	}
}

// What the silence costs: calls of other processes that were under way when the
// first one failed, and worked, do not end the run. Those that began later do.
func TestOnlyCallsUnderWayAtTheFirstFailureAreMissed(t *testing.T) {
	b := newBench(t)
	b.report(good)
	other := newBoard(t, b.mr)
	other.Now = func() time.Time { return b.now }
	enter := func() pause.Pass {
		p, err := other.Enter(ctx, provider, 0)
		mustDo(t, err)
		return p
	}
	underWay := []pause.Pass{enter(), enter(), enter()}
	for _, p := range underWay {
		b.report(sick)
		mustDo(t, other.Report(ctx, provider, good.Of(p)))
	}
	if n := b.state().Sick; n != 3 {
		t.Errorf("a run of %d, want 3: none of the calls under way ended it", n)
	}
	mustDo(t, other.Report(ctx, provider, good.Of(enter())))
	if n := b.state().Sick; n != 0 {
		t.Errorf("a run of %d after a call that began after the first failure and worked", n)
	}
	// From now on as if nothing were ever left out: the provider is known to fail.
	underWay = []pause.Pass{enter(), enter(), enter()}
	for _, p := range underWay {
		b.report(sick)
		mustDo(t, other.Report(ctx, provider, good.Of(p)))
	}
	if n := b.state().Sick; n != 0 {
		t.Errorf("a run of %d, though a call worked after each failure", n)
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
