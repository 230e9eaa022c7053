package tasks_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// heard counts what an observer is told.
type heard struct {
	settled      []refund.State
	contradicted int
	limited      int
}

func (h *heard) Attempted(string, string)    {}
func (h *heard) Settled(rec *journal.Record) { h.settled = append(h.settled, rec.State) }
func (h *heard) Limited(string)              { h.limited++ }
func (h *heard) Contradicted(string)         { h.contradicted++ }

// A worker wrote an outcome down, and that was not confirmed. Before it makes
// sure of it others go on from that outcome: it is in what they concluded, and
// no evidence against it.
func TestAnOutcomeThatIsWrittenDownIsNoNewEvidence(t *testing.T) {
	rejected := func(w *world.World, other *world.Process) error { return w.Settle(time.Hour, other) }
	decided := func(_ *world.World, other *world.Process) error {
		return other.Resolve("r-1", tasks.Resolution{Outcome: refund.Declined, Moved: "0", Note: "taken back by the bank", By: "ann"})
	}
	noted := func(_ *world.World, other *world.Process) error { return other.Callback("bank", "r-1") }
	cases := map[string]struct {
		says world.Behaviour
		then func(*world.World, *world.Process) error
		ends refund.State
	}{
		"accepted, then rejected":                {world.AcceptThenReject(time.Second, true), rejected, refund.Declined},
		"one part moved, then a person's word":   {world.Partly(40_00), decided, refund.Declined},
		"one part moved, then called back about": {world.Partly(40_00), noted, refund.Review},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			world.Run(t, company(world.Company{RefundStatus: true}), func(w *world.World) {
				one, two := w.Start("one"), w.Start("two")
				var told heard
				core, logged := observer.New(zap.ErrorLevel)
				one.Processor.Observer, one.Processor.Log = &told, zap.New(core)
				w.Bank("bank").Behave("p-1", c.says)
				if _, err := one.Enqueue(asks("r-1", "100.00")); err != nil {
					w.T.Fatal(err)
				}
				one.FaultOn("step.lua", world.Unconfirmed)
				one.FaultOn("step.lua", world.Hold)
				if err := one.Turn(); !errors.Is(err, world.ErrFrozen) {
					w.T.Fatal(err)
				}
				if err := c.then(w, two); err != nil {
					w.T.Fatal(err)
				}
				before := w.Records()["r-1"]
				if err := one.Thaw(); err != nil {
					t.Errorf("the worker's run: %v", err)
				}
				if rec := w.Records()["r-1"]; rec.State != c.ends || rec.Contradicted != "" || rec.Version != before.Version {
					t.Errorf("%s, contradicted %q, version %d after %d", rec.State, rec.Contradicted, rec.Version, before.Version)
				}
				if told.contradicted != 0 || logged.Len() != 0 {
					t.Errorf("%d contradictions, logged: %v", told.contradicted, logged.All())
				}
			})
		})
	}
}

// What was written and not confirmed is confirmed by the very same step again.
// Another one would find the refund changed and leave the outcome unconfirmed.
func TestAnOutcomeIsConfirmedByTheSameStepAgain(t *testing.T) {
	world.Run(t, company(world.Company{}), func(w *world.World) {
		p := w.Start("one")
		var told heard
		p.Processor.Observer = &told
		if _, err := p.Enqueue(asks("r-1", "100.00")); err != nil {
			w.T.Fatal(err)
		}
		p.FaultOn("step.lua", world.Unconfirmed)
		if err := p.Turn(); err != nil {
			w.T.Fatal(err)
		}
		var steps int
		for _, s := range w.Steps() {
			if strings.Contains(s.Label, "step.lua") {
				steps++
			}
		}
		if steps != 2 || len(told.settled) != 1 || told.settled[0] != refund.Succeeded {
			t.Errorf("%d steps; settled by the worker's own word: %v", steps, told.settled)
		}
	})
}
