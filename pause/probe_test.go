package pause_test

import (
	"sync"
	"testing"
	"time"

	"refundworker/pause"
)

func TestTrialCallsComeAfterDoublingPauses(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	for _, step := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		wait := step * time.Second
		b.closed(pause.ReasonHealth, wait)
		b.after(wait - time.Millisecond)
		b.closed(pause.ReasonHealth, time.Millisecond)
		b.after(time.Millisecond)
		b.report(sick.Of(b.probe()))
	}
}

func TestOneTrialCallOverAllProcesses(t *testing.T) {
	b := newBench(t)
	b.report(badKey)
	b.after(time.Second)
	var wg sync.WaitGroup
	passes := make(chan pause.Pass, 40)
	for range 4 {
		board := newBoard(t, b.mr)
		for range 10 {
			wg.Go(func() {
				p, err := board.Enter(ctx, provider, 0)
				if err != nil {
					t.Error(err)
				}
				passes <- p
			})
		}
	}
	wg.Wait()
	close(passes)
	probes := 0
	for p := range passes {
		if p.Open {
			probes++
		} else if p.Wait != time.Second || p.Reason != pause.ReasonCredentials {
			t.Errorf("sent away with %+v", p)
		}
	}
	if probes != 1 {
		t.Errorf("%d trial calls, want 1", probes)
	}
}

func TestADeadProberBlocksForItsLeaseOnly(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.after(time.Second)
	if p, err := b.board.Enter(ctx, provider, 5*time.Second); err != nil || !p.Probe {
		t.Fatalf("Enter = %+v, %v", p, err)
	}
	if !b.state().Probing {
		t.Error("state does not say that a trial call is under way")
	}
	b.after(4500 * time.Millisecond)
	b.closed(pause.ReasonHealth, 500*time.Millisecond)
	b.after(500 * time.Millisecond)
	b.probe() // this one has the default lease
	b.after(pause.DefaultLease - time.Millisecond)
	b.closed(pause.ReasonHealth, time.Millisecond)
	b.after(time.Millisecond)
	b.probe()
}

func TestATrialCallThatWasNotMadeIsTheNextCallers(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.after(time.Second)
	b.report(nothing.Of(b.probe()))
	b.probe()
}

func TestCallsUnderWayAtThePauseDoNotCountAsTrials(t *testing.T) {
	b := newBench(t)
	early := b.open()
	b.times(5, sick)
	b.report(sick.Of(early))
	b.closed(pause.ReasonHealth, time.Second)
	b.after(time.Second)
	trial := b.probe()
	b.report(sick.Of(early))
	b.report(nothing.Of(early))
	b.closed(pause.ReasonHealth, time.Second) // the trial is still under way
	b.report(sick.Of(trial))
	b.closed(pause.ReasonHealth, 2*time.Second)
}

func TestAProberPastItsLeaseDoesNotEndTheNextOnes(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.after(time.Second)
	slow := b.probe()
	b.after(pause.DefaultLease)
	b.probe()
	b.report(sick.Of(slow))
	b.closed(pause.ReasonHealth, time.Second)
}

func TestAReportThatNamesNoPassIsTheTrialCalls(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.report(sick) // no trial call is under way
	b.after(time.Second)
	b.probe()
	b.report(sick)
	b.closed(pause.ReasonHealth, 2*time.Second)
}

func TestWhatATrialCallDecides(t *testing.T) {
	otherCode := pause.Refusal("-7", "another")
	for name, c := range map[string]struct {
		before []pause.Result
		trial  pause.Result
		want   pause.Reason
		code   string
	}{
		"good ends a pause for health":                 {[]pause.Result{sick, sick, sick, sick, sick}, good, "", ""},
		"good ends a pause for credentials":            {[]pause.Result{badKey}, good, "", ""},
		"good ends a pause for refusals":               {refusals(20), good, "", ""},
		"a refusal ends a pause for silence":           {[]pause.Result{sick, sick, sick, sick, sick}, empty, "", ""},
		"the same refusal keeps one for refusals":      {refusals(20), empty, pause.ReasonHealth, "-32000"},
		"another refusal too, and is named":            {refusals(20), otherCode, pause.ReasonHealth, "-7"},
		"silence keeps one for refusals":               {refusals(20), sick, pause.ReasonHealth, "-32000"},
		"a refusal keeps one for credentials":          {[]pause.Result{badKey}, empty, pause.ReasonCredentials, ""},
		"silence keeps one for credentials":            {[]pause.Result{badKey}, sick, pause.ReasonCredentials, ""},
		"refused credentials take the place of health": {refusals(20), badKey, pause.ReasonCredentials, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, r := range c.before {
				b.report(r)
			}
			b.after(time.Second)
			b.report(c.trial.Of(b.probe()))
			if c.want == "" {
				if s := b.state(); s.Reason != "" || !s.Ramping {
					t.Errorf("state = %+v, want it to ramp up", s)
				}
				return
			}
			if p := b.closed(c.want, 2*time.Second); p.Code != c.code {
				t.Errorf("code %q, want %q", p.Code, c.code)
			}
		})
	}
}

func refusals(n int) []pause.Result {
	all := make([]pause.Result, n)
	for i := range all {
		all[i] = empty
	}
	return all
}

func TestAGoodCallThatWasUnderWayEndsThePause(t *testing.T) {
	b := newBench(t)
	early := b.open()
	b.times(5, sick)
	b.report(good.Of(early))
	b.open()
}

func TestAfterAPauseCallsAreLetThroughStepByStep(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.after(time.Second)
	b.report(good.Of(b.probe()))
	total := 0
	for _, allowed := range []int{1, 2, 4, 8, 16, 32} {
		for ; total < allowed; total++ {
			b.open()
		}
		b.after(250 * time.Millisecond)
		b.closed("", 750*time.Millisecond)
		b.after(750 * time.Millisecond)
	}
	for range 100 {
		b.open()
	}
	if s := b.state(); s.Ramping {
		t.Errorf("state = %+v, want the ramp to be over after 6 s", s)
	}
}

func TestAProviderIllAgainSoonGoesOnWithTheDoubling(t *testing.T) {
	b := newBench(t)
	for _, step := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		b.times(5, sick)
		b.closed(pause.ReasonHealth, step*time.Second)
		b.after(step * time.Second)
		b.report(good.Of(b.probe()))
		b.after(time.Minute)
	}
	b.after(2 * time.Minute)
	b.times(5, sick)
	b.closed(pause.ReasonHealth, time.Second)
}

func TestAClockSetBackNeitherPausesNorSlowsForLong(t *testing.T) {
	b := newBench(t)
	b.times(5, sick)
	b.after(-time.Hour)
	trial := b.probe()
	b.after(-time.Hour)
	b.probe()
	b.report(good.Of(trial))
	b.after(-time.Hour)
	b.open()
	b.open()
	if p := b.enter(); p.PausedFor != 0 {
		t.Errorf("paused for %s, want none: by this clock no time passed", p.PausedFor)
	}
}
