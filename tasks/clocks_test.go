package tasks_test

import (
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
)

// What is believed only because time has passed must not be believed because a
// clock was set: neither Redis's, which a failover may change as well, nor that
// of the worker that looks.
func TestOneClockThatJumpsProvesNothing(t *testing.T) {
	const late = 70 * time.Second // the attempt ends after 15 s, and then the provider may sit on it for a minute
	tests := []struct {
		name    string
		company world.Company
		jump    func(w *world.World) // once the attempt is unknown
		worker  time.Duration        // how far the clock of the worker that takes over is off
	}{
		{"Redis's clock is set forward", world.Company{}, func(w *world.World) { w.SkewRedis(time.Hour) }, 0},
		{"the clock of the worker that takes over is ahead", world.Company{}, func(*world.World) {}, time.Hour},
		{"Redis's clock is set back while the provider guards", world.Company{NoStatus: true, Guard: 30 * time.Minute},
			func(w *world.World) { w.Advance(40 * time.Minute); w.SkewRedis(-30 * time.Minute) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := company(tt.company)
			options.Companies[0].Settings[0] = "reconcile: {first: 5s, settle: 1m}"
			world.Run(t, options, func(w *world.World) {
				first := w.Start("first")
				w.Bank("bank").Behave("p-1", world.Late(late))
				if _, err := first.Enqueue(asks("r-1", "60.00")); err != nil {
					t.Fatal(err)
				}
				_ = first.Turn()
				if got := w.Records()["r-1"].State; got != refund.Unknown {
					t.Fatalf("the attempt is %s", got)
				}
				first.Kill()
				tt.jump(w)
				second := w.Start("second")
				second.Skew = tt.worker
				if err := w.Settle(5*time.Hour, second); err != nil {
					t.Fatal(err)
				}
				if err := w.CheckSettled(); err != nil {
					t.Error(err)
				}
				if calls := len(w.Bank("bank").Calls()); calls != 1 {
					t.Errorf("the provider was called %d times", calls)
				}
			})
		})
	}
}
