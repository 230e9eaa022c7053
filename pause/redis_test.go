package pause_test

import (
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/pause"
)

// The scripts in Redis's own Lua, through one whole life of a pause.
func TestOnARealRedis(t *testing.T) {
	board := pause.New(redistest.Start(t).Client(t))
	report := func(r pause.Result) {
		t.Helper()
		if err := board.Report(ctx, provider, r); err != nil {
			t.Fatal(err)
		}
	}
	enter := func() pause.Pass {
		t.Helper()
		p, err := board.Enter(ctx, provider, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := enter(); !p.Open {
		t.Fatalf("a provider never heard of: %+v", p)
	}
	report(good)
	for range 5 {
		report(sick)
	}
	var trial pause.Pass
	redistest.Eventually(t, "a trial call is due", func() bool {
		trial = enter()
		return trial.Open
	})
	if !trial.Probe || trial.Reason != pause.ReasonHealth || trial.Detail != "timeout" || trial.PausedFor < time.Second {
		t.Errorf("trial = %+v", trial)
	}
	if p := enter(); p.Open || p.Wait != time.Second {
		t.Errorf("a second trial call: %+v", p)
	}
	report(good.Of(trial))
	if s, err := board.State(ctx, provider); err != nil || s.Reason != "" || s.Resumed.IsZero() || s.PausedFor < time.Second {
		t.Errorf("state after the pause = %+v, %v", s, err)
	}
	if err := board.Pause(ctx, provider, "ann", "closing"); err != nil {
		t.Fatal(err)
	}
	if p := enter(); p.Open || p.Reason != pause.ReasonOperator || p.PausedFor < trial.PausedFor {
		t.Errorf("under an operator's pause: %+v", p)
	}
	if err := board.Resume(ctx, provider, "bob"); err != nil {
		t.Fatal(err)
	}
	if p := enter(); !p.Open {
		t.Errorf("after Resume: %+v", p)
	}
}
