package tasks_test

import (
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
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
		sender  time.Duration        // how far the clock of the worker that makes the attempt is off
		worker  time.Duration        // and of the one that takes over
	}{
		{"Redis's clock is set forward", world.Company{}, func(w *world.World) { w.SkewRedis(time.Hour) }, 0, 0},
		{"Redis's clock is set back", world.Company{}, func(w *world.World) { w.SkewRedis(-time.Hour) }, 0, 0},
		{"the clock of the worker that takes over is ahead", world.Company{}, func(*world.World) {}, 0, time.Hour},
		{"the clock of the worker that takes over is behind", world.Company{}, func(*world.World) {}, 0, -time.Hour},
		{"the clock of the worker that sent it was ahead", world.Company{}, func(*world.World) {}, time.Hour, 0},
		{"the clock of the worker that sent it was ahead, and Redis's was set forward", world.Company{}, func(w *world.World) { w.SkewRedis(time.Hour) }, time.Hour, 0},
		{"Redis's clock is set back while the provider guards", world.Company{NoStatus: true, Guard: 30 * time.Minute},
			func(w *world.World) { w.Advance(40 * time.Minute); w.SkewRedis(-30 * time.Minute) }, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := company(tt.company)
			options.Companies[0].Settings[0] = "reconcile: {first: 5s, settle: 1m}"
			world.Run(t, options, func(w *world.World) {
				first := w.Start("first")
				first.Skew = tt.sender
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

// A clock that was wrong once holds a refund up for one settling time more, not
// for as long as it was wrong.
func TestAClockThatWasWrongHoldsNothingUpForLong(t *testing.T) {
	const year = 365 * 24 * time.Hour
	tests := []struct {
		name          string
		sender, redis time.Duration // how far the clocks are off during the attempt
		retry         bool          // the refund is in review when they are right again, and an operator asks for it
	}{
		{"the sender's was ahead, and its attempt is asked about", year, 0, false},
		{"the sender's was ahead, and an operator retries", year, 0, true},
		{"Redis's was ahead, and an operator retries", 0, year, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world.Run(t, company(world.Company{NoStatus: tt.retry}), func(w *world.World) {
				w.SkewRedis(tt.redis)
				sender := w.Start("sender")
				sender.Skew = tt.sender
				w.Bank("bank").Behave("p-1", world.LoseRequest())
				if _, err := sender.Enqueue(asks("r-1", "60.00")); err != nil {
					t.Fatal(err)
				}
				_ = sender.Turn()
				want := refund.Unknown
				if tt.retry {
					want = refund.Review
					if err := w.Settle(2*time.Hour, sender); err != nil {
						t.Fatal(err)
					}
				}
				if got := w.Records()["r-1"].State; got != want {
					t.Fatalf("the refund is %s", got)
				}
				sender.Kill()
				w.SkewRedis(-tt.redis)
				good, from := w.Start("good"), w.Now()
				if tt.retry {
					if err := good.Retry("r-1", journal.RetryRequest{By: "ann", Note: "again", AcceptRisk: true}); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Settle(2*time.Hour, good); err != nil {
					t.Error(err)
				}
				if rec, took := w.Records()["r-1"], w.Now().Sub(from); rec.State != refund.Succeeded || took > 5*time.Minute {
					t.Errorf("%s after %s, due %s", rec.State, took, rec.Due)
				}
			})
		})
	}
}
