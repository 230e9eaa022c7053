package tasks_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/pause"
	"refundworker/refund"
	"refundworker/tasks"
)

// A trial call that begins with its refund is one call, and its lease ends whatever
// becomes of the answer to the script that lets it through.
func TestATrialCallThatBeginsWithItsRefundIsGivenBack(t *testing.T) {
	for name, c := range map[string]struct {
		fault world.Mode
		made  bool
	}{
		"it happens twice":          {world.Repeat, true},
		"its answer is lost":        {world.LoseReply, true},
		"it does not arrive":        {world.LoseWrite, true},
		"it is not durable in time": {world.Unconfirmed, false},
	} {
		t.Run(name, func(t *testing.T) {
			onTrial(t, func(w *world.World, p *world.Process, board *pause.Board) {
				p.FaultOn("begin.lua", c.fault)
				err := p.Deliver("r-1")
				if calls := w.Bank("bank").Calls(); c.made && len(calls) != 1 || !c.made && len(calls) > 0 {
					w.T.Errorf("calls %v, %v", calls, err)
				}
				next, err := board.Enter(context.Background(), "bank", time.Minute)
				if err != nil || next.Probe == c.made || !next.Open {
					w.T.Errorf("the next call: %+v, %v", next, err)
				}
			})
		})
	}
}

// onTrial is a company without a limit whose next call is a trial call, and a refund.
func onTrial(t *testing.T, f func(w *world.World, p *world.Process, board *pause.Board)) {
	o := company(world.Company{NoStatus: true})
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	world.Run(t, o, func(w *world.World) {
		p, board := w.Start("a"), w.Start("b").Processor.Desk.Board
		if _, err := p.Enqueue(asks("r-1", "1.00")); err != nil {
			w.T.Fatal(err)
		}
		if err := board.Report(context.Background(), "bank", pause.Credentials("refused")); err != nil {
			w.T.Fatal(err)
		}
		time.Sleep(time.Second)
		f(w, p, board)
	})
}

// The provider lets the call through, and then its limit can't be read.
func TestAScriptThatEndsInTheMiddleLeavesNothingHalfWritten(t *testing.T) {
	onTrial(t, func(w *world.World, p *world.Process, board *pause.Board) {
		before := w.Records()["r-1"]
		if err := p.Backend.Redis.HSet(context.Background(), "refunds:{prov:bank}:limit", "of", "another type").Err(); err != nil {
			w.T.Fatal(err)
		}
		err := p.Deliver("r-1")
		if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
			w.T.Error(err)
		}
		if rec := w.Records()["r-1"]; rec.State != refund.Queued || rec.Version != before.Version || len(w.Bank("bank").Calls()) > 0 {
			w.T.Errorf("%s, change %d, calls %v", rec.State, rec.Version, w.Bank("bank").Calls())
		}
		if next, err := board.Enter(context.Background(), "bank", time.Minute); err != nil || !next.Probe {
			w.T.Errorf("the next call: %+v, %v", next, err)
		}
	})
}

func TestATrialCallWithoutASlotIsGivenBack(t *testing.T) {
	onTrial(t, func(w *world.World, p *world.Process, board *pause.Board) {
		if err := p.Processor.Desk.Limiter.Penalize(context.Background(), "bank", time.Minute); err != nil {
			w.T.Fatal(err)
		}
		later := tasks.AsLater(p.Deliver("r-1"))
		if later == nil || !strings.Contains(later.Why, "the rate limit of bank") || len(w.Bank("bank").Calls()) > 0 {
			w.T.Errorf("%v, calls %v", later, w.Bank("bank").Calls())
		}
		if next, err := board.Enter(context.Background(), "bank", time.Minute); err != nil || !next.Probe {
			w.T.Errorf("the next call: %+v, %v", next, err)
		}
	})
}
