package pause_test

import (
	"testing"
	"time"

	"refundworker/pause"
)

func TestAnOperatorsPauseEndsByResumeOnly(t *testing.T) {
	b := newBench(t)
	b.operatorPause("month-end closing")
	for range 3 {
		p := b.closed(pause.ReasonOperator, pause.OperatorWait)
		if p.Detail != "month-end closing" {
			t.Errorf("detail %q", p.Detail)
		}
		b.report(good)
		b.times(6, sick)
		b.report(badKey)
		b.after(time.Hour)
	}
	if s := b.state(); s.By != "ann" || !s.NextProbe.IsZero() || !s.Since.Equal(b.now.Add(-3*time.Hour)) {
		t.Errorf("state = %+v", s)
	}
	b.resume()
	if s := b.state(); s.Reason != "" || s.By != "" || s.ResumedBy != "bob" || !s.Resumed.Equal(b.now) || !s.Ramping {
		t.Errorf("state after Resume = %+v", s)
	}
	b.open()
	b.closed("", time.Second)
}

func TestAnOperatorsPauseTakesThePlaceOfAnother(t *testing.T) {
	b := newBench(t)
	b.times(20, empty)
	b.after(time.Second)
	trial := b.probe()
	b.operatorPause("")
	b.report(good.Of(trial))
	if p := b.closed(pause.ReasonOperator, pause.OperatorWait); p.Code != "" || p.Detail != "" {
		t.Errorf("the refusal is still named: %+v", p)
	}
	b.resume()
	b.open()
}

func TestResumeEndsAnyPause(t *testing.T) {
	for name, begin := range map[string]func(b *bench){
		"health":      func(b *bench) { b.times(5, sick) },
		"credentials": func(b *bench) { b.report(badKey) },
		"operator":    func(b *bench) { b.operatorPause("") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			begin(b)
			b.resume()
			if s := b.state(); s.Reason != "" || s.Sick != 0 || s.Refused != 0 {
				t.Errorf("state = %+v", s)
			}
			b.open()
			b.times(5, sick) // a person looked at it: this is no relapse
			b.closed(pause.ReasonHealth, time.Second)
		})
	}
}

func TestResumeOfAProviderThatIsNotPausedDoesNothing(t *testing.T) {
	b := newBench(t)
	b.resume()
	for range 10 {
		b.open()
	}
	if s := b.state(); s != (pause.Status{}) {
		t.Errorf("state = %+v, want the zero one", s)
	}
}

func TestPausedForIsAllTheTimeEverPaused(t *testing.T) {
	b := newBench(t)
	want := func(d time.Duration) {
		t.Helper()
		if p, s := b.enter(), b.state(); p.PausedFor != d || s.PausedFor != d {
			t.Fatalf("paused for %s and %s, want %s", p.PausedFor, s.PausedFor, d)
		}
	}
	want(0)
	b.after(time.Hour)
	want(0)
	b.times(5, sick)
	b.after(500 * time.Millisecond)
	want(500 * time.Millisecond) // the running pause counts
	b.operatorPause("")          // one pause of two reasons is not counted twice
	b.after(time.Minute)
	want(time.Minute + 500*time.Millisecond)
	b.resume()
	b.after(time.Hour) // neither the ramp nor the time after it counts
	want(time.Minute + 500*time.Millisecond)
	b.report(badKey)
	b.after(time.Second)
	b.report(good.Of(b.probe()))
	b.after(time.Hour)
	want(time.Minute + 1500*time.Millisecond)
}
