package tasks_test

import (
	"context"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/refund"
)

// Money went back after the backup, and the journal has forgotten it: by hand is
// as good as by us. Ending the mark by the book, whenever that is and whatever
// comes before or after it, must not have it paid once more.
func TestEndingTheMarkOfARestorePaysNothingAgain(t *testing.T) {
	limits := limited("currency: RUB, per_refund: 50.00", world.Company{})
	type act func(p *world.Process) error
	enqueue := func(p *world.Process) error { _, err := p.Enqueue(asks("r-1", "100.00")); return err }
	approve := func(p *world.Process) error { return p.Approve("r-1", "olga", "it is right") }
	retry := func(p *world.Process) error {
		return p.Retry("r-1", journal.RetryRequest{By: "olga", Note: "again"})
	}
	done := func(p *world.Process) error { return p.Backend.Journal.RestoreOver(context.Background()) }
	none := func(*world.Process) error { return nil }
	refused := []world.Behaviour{world.Misconfigured()}
	tests := []struct {
		name   string
		world  world.Options
		plans  []world.Behaviour
		before act  // in the backup
		review bool // where it stands in review by then
		after  []act
	}{
		{"enqueued again under the mark, which ends before it is compared", company(world.Company{}), nil, none, false, []act{enqueue, done}},
		{"queued in the backup, and the mark ends at once", company(world.Company{}), nil, enqueue, false, []act{done}},
		{"approved when the mark has ended", limits, nil, enqueue, true, []act{done, approve}},
		{"approved under the mark, which ends then", limits, nil, enqueue, true, []act{approve, done}},
		{"tried again when the mark has ended", company(world.Company{}), refused, enqueue, true, []act{done, retry}},
		{"tried again where the provider can't tell", company(world.Company{NoStatus: true}), refused, enqueue, true, []act{done, retry}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world.Run(t, tt.world, func(w *world.World) {
				p := w.Start("one")
				w.Bank("bank").Behave("p-1", tt.plans...)
				if err := tt.before(p); err != nil {
					t.Fatal(err)
				}
				if tt.review {
					if err := w.Settle(80*time.Hour, p); err != nil {
						t.Fatal(err)
					}
				}
				calls := len(w.Bank("bank").Calls())
				w.Bank("bank").ByHand("p-1", 100_00)
				if err := w.Journal.AfterRestore(context.Background(), time.Now()); err != nil {
					t.Fatal(err)
				}
				w.Advance(time.Second)
				for _, act := range tt.after {
					if err := act(p); err != nil {
						t.Fatal(err)
					}
					_ = p.Turn()
				}
				if err := w.Settle(80*time.Hour, p); err != nil {
					t.Fatal(err)
				}
				if n := len(w.Bank("bank").Calls()) - calls; n != 0 {
					t.Errorf("%d calls more, and it is %s", n, w.Records()["r-1"].State)
				}
			})
		})
	}
}

// What a person enqueues after the end of the mark begins as ever, and what was
// compared since the restore does too.
func TestAfterTheMarkHasEndedNewRefundsBeginAsEver(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		p := w.Start("one")
		if err := w.Journal.AfterRestore(context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		w.Bank("bank").ByHand("p-1", 100_00)
		w.Advance(time.Minute)
		if err := w.Journal.RestoreOver(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.Advance(time.Second)
		if _, err := p.Enqueue(asks("r-1", "60.00")); err != nil {
			t.Fatal(err)
		}
		if err := w.Settle(time.Hour, p); err != nil {
			t.Fatal(err)
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Succeeded || rec.Restored {
			t.Errorf("it is %s (%s)", rec.State, rec.ReasonCode)
		}
		if since, err := w.Journal.RestoredSince(context.Background()); err != nil || !since.IsZero() {
			t.Errorf("the mark stands since %s, %v", since, err)
		}
	})
}
