package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/internal/world"
	"refundworker/refund"
	"refundworker/tasks"
)

// fault is one way to go wrong at a step and how the others react to it.
type fault struct {
	name string
	mode world.Mode
	// What happens while the process stands still, before it is woken; nil: all
	// that there is to do, and an hour more.
	meanwhile func(s *story, other *world.Process)
	writes    bool // tried at each write in the short matrix
	reads     bool // tried at each step that changes nothing
}

// To die after a step is to die before the next one, and to freeze before a
// step without its coming late is to lose it: the short matrix has them at the
// calls of providers only.
var faults = []fault{
	{name: "die-before", mode: world.DieBefore, writes: true, reads: true},
	{name: "die-after", mode: world.DieAfter},
	{name: "lose-reply", mode: world.LoseReply, writes: true},
	{name: "lose-write", mode: world.LoseWrite, writes: true, reads: true},
	{name: "repeat", mode: world.Repeat, writes: true},
	{name: "unconfirmed", mode: world.Unconfirmed, writes: true},
	{name: "half", mode: world.Half, writes: true, reads: true},
	{name: "cut-after", mode: world.CutAfter, writes: true},
	{name: "cut-before", mode: world.CutBefore, writes: true},
	{name: "overlap", mode: world.Hold, meanwhile: overlap, writes: true, reads: true},
	{name: "freeze-20s", mode: world.Freeze, meanwhile: briefly},
	{name: "freeze-for-long", mode: world.Freeze},
	{name: "freeze-20s-sent", mode: world.FreezeSent, meanwhile: briefly, writes: true},
	{name: "freeze-for-long-sent", mode: world.FreezeSent, writes: true},
	{name: "freeze-20s-after", mode: world.FreezeAfter, meanwhile: briefly, writes: true},
	{name: "freeze-for-long-after", mode: world.FreezeAfter, writes: true, reads: true},
}

// overlap is a second delivery of everything at the same moment.
func overlap(s *story, other *world.Process) {
	for _, id := range s.ids {
		_ = other.Run(id)
	}
	_ = other.Tick()
}

// briefly is longer than an attempt may take, and others go on meanwhile.
func briefly(s *story, other *world.Process) { _ = s.w.Settle(20*time.Second, other) }

// story drives one scenario through a fault: what is asked is asked again until
// it is answered, by another process if need be.
type story struct {
	t      *testing.T
	w      *world.World
	fault  fault
	active *world.Process
	frozen *world.Process // to be woken at the very end
	begun  int
	ids    []string
	asked  []enqueued
}

type enqueued struct {
	request refund.Request
	options []tasks.Option
	status  tasks.Status
}

func (s *story) start() {
	s.begun++
	s.active = s.w.Start(fmt.Sprintf("worker-%d", s.begun))
}

// ended takes over from a process that died or froze; it reports whether one did.
func (s *story) ended() bool {
	p := s.active
	switch {
	case p.Dead():
		s.start()
	case p.Frozen():
		s.start()
		if s.fault.meanwhile == nil {
			s.frozen = p
			return true
		}
		s.fault.meanwhile(s, s.active)
		_ = p.Thaw()
	default:
		return false
	}
	return true
}

// do makes one act until it has been answered.
func (s *story) do(act func(p *world.Process) error) {
	for range 5 {
		err := act(s.active)
		switch {
		case s.ended():
		case err == nil || errors.Is(err, tasks.ErrNotPossible):
			return
		case strings.Contains(err.Error(), "connection broke") || strings.Contains(err.Error(), "not confirmed"):
			s.w.Advance(world.Outage + time.Second)
		default:
			s.w.T.Fatalf("%v", err)
		}
	}
	s.w.T.Fatal("asked five times without an answer")
}

// enqueue asks for a refund; a second answer must agree with the first.
func (s *story) enqueue(r refund.Request, options ...tasks.Option) {
	var receipt tasks.Receipt
	s.do(func(p *world.Process) (err error) { receipt, err = p.Enqueue(r, options...); return err })
	s.ids = append(s.ids, r.RefundID)
	s.asked = append(s.asked, enqueued{r, options, receipt.Status})
}

// enqueueAll asks for refunds as rows of one file.
func (s *story) enqueueAll(list ...refund.Request) {
	var receipts []tasks.Receipt
	s.do(func(p *world.Process) (err error) { receipts, err = p.EnqueueAll(list, tasks.Bulk()); return err })
	for i, r := range list {
		s.ids = append(s.ids, r.RefundID)
		s.asked = append(s.asked, enqueued{request: r, status: receipts[i].Status})
	}
}

// settle lets everything end.
func (s *story) settle() {
	for range 5 {
		err := s.w.Settle(72*time.Hour, s.active)
		if s.ended() {
			continue
		}
		if err != nil {
			s.t.Errorf("%v", err)
		}
		return
	}
	s.t.Error("settling never ends")
}

// finish settles all, wakes what still stands still, and checks.
func (s *story) finish() {
	s.settle()
	if p := s.frozen; p != nil {
		s.w.Advance(time.Hour)
		_ = p.Thaw()
		s.settle()
	}
	s.w.Advance(world.Outage) // that of a cut in the last steps
	for _, e := range s.asked {
		before := s.w.Records()[e.request.RefundID]
		receipt, err := s.active.Enqueue(e.request, e.options...)
		switch {
		case err != nil:
			s.t.Errorf("%s can't be asked for again: %v", e.request.RefundID, err)
		case (receipt.Status == tasks.Existing) != (e.status == tasks.Queued || e.status == tasks.Existing):
			s.t.Errorf("%s was answered %s, and is %s now: %s", e.request.RefundID, e.status, receipt.Status, receipt.Message)
		case before != nil && receipt.State != before.State:
			s.t.Errorf("%s is %s, and answered as %s", e.request.RefundID, before.State, receipt.State)
		}
	}
	if len(s.w.Open()) > 0 {
		s.settle()
	}
	if err := s.w.CheckSettled(); err != nil {
		s.t.Error(err)
	}
	if s.t.Failed() {
		s.tell()
	}
}

// tell shows what happened.
func (s *story) tell() {
	for _, step := range s.w.Steps() {
		s.t.Log(step)
	}
	for id, rec := range s.w.Records() {
		history, err := s.w.Journal.History(context.Background(), rec)
		s.t.Logf("%s: %s (%s) %s %v", id, rec.State, rec.ReasonCode, rec.Why, err)
		for _, e := range history {
			s.t.Logf("  %d %s %s->%s by %s: %s", e.Seq, e.At.Format("15:04:05.000"), e.From, e.To, e.By, e.Note)
		}
		s.t.Logf("  ledger %+v", s.w.Bank(rec.Provider).Ledger(rec.PaymentID))
	}
}
