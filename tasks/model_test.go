package tasks_test

import (
	"errors"
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// TestModel tells random stories: refunds asked for, asked for again and under
// other ids, overlapping deliveries, workers that die, freeze or lose their
// connection at any step, providers that do anything, refunds made by hand,
// callbacks, operators, and time. What must hold after each event is in the
// world's Check, what must hold in the end in its CheckSettled: money moves at
// most once for a refund and never for one that is declined or canceled, a
// success is one, nothing is lost, histories are whole, and answers agree.
//
// More stories: -rapid.checks=1000000. A failure is shrunk and kept.
func TestModel(t *testing.T) {
	ends, approved := map[refund.State]int{}, 0
	defer func() {
		if t.Failed() {
			return
		}
		// Stories in which nothing happens would prove nothing. What is rare is
		// sure to be in many of them only.
		sure, refunds := []refund.State{refund.Succeeded}, 0
		for _, n := range ends {
			refunds += n
		}
		if refunds >= 1000 {
			sure = append(sure, refund.Declined, refund.Canceled)
		}
		for _, state := range sure {
			if ends[state] == 0 {
				t.Errorf("no refund of any story ended as %s: %v", state, ends)
			}
		}
		if refunds >= 1000 && approved == 0 {
			t.Error("nothing was approved and sent in any story")
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		options := world.Options{Cluster: rapid.IntRange(0, 3).Draw(rt, "cluster") == 0}
		for _, name := range banks[:rapid.IntRange(1, len(banks)).Draw(rt, "providers")] {
			c := named(name, rapid.SampledFrom(companies).Draw(rt, name))
			c.Settings = append(c.Settings, "limits: {"+rapid.SampledFrom(limits).Draw(rt, "limits")+"}")
			if rapid.IntRange(0, 3).Draw(rt, name+" is not asked before") == 0 {
				c.Settings = append(c.Settings, "preflight: false")
			}
			if rapid.IntRange(0, 3).Draw(rt, name+" is limited") == 0 {
				c.Settings = append(c.Settings, "rate_limit: 30/m", "burst: 1")
			}
			options.Companies = append(options.Companies, c)
		}
		// A day of asking once a minute would be most of each story.
		options.Settings = append(options.Settings, "retry: {initial: 1s, max: 5m, give_up_after: 1h}")
		var broken error
		world.Run(t, options, func(w *world.World) {
			// A panic in the world would look to the shrinking like its own.
			defer func() {
				if p := recover(); p != nil {
					if fmt.Sprintf("%T", p) == "rapid.invalidData" {
						panic(p)
					}
					broken = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			h := &history{w: w, rt: rt, wrong: rapid.SampledFrom([]string{"none", "redis", "workers"}).Draw(rt, "wrong clock"), banks: banks[:len(options.Companies)]}
			for i := range 2 {
				h.start(i)
			}
			for range rapid.IntRange(1, 25).Draw(rt, "events") {
				h.event()
				if broken = w.Check(); broken != nil {
					return
				}
			}
			broken = h.end()
			for _, rec := range w.Records() {
				ends[rec.State]++
				if rec.ApprovedBy != "" && rec.State == refund.Succeeded {
					approved++
				}
			}
		})
		// Here and not in the world, whose panics all look alike to the shrinking.
		if broken != nil {
			rt.Fatalf("%v", broken)
		}
	})
}

// companies are what a provider can be like.
var companies = []world.Company{
	{},
	{RefundStatus: true},
	{NeedsAmount: true},
	{RefundStatus: true, Lag: 20 * time.Second},
	{NoStatus: true},
	{NoStatus: true, Guard: 30 * time.Minute},
	{Guard: 30 * time.Minute},
}

// limits are what a refund may not be beyond without an approval; it is of 40,
// 60 or all that is left of 500.
var limits = []string{
	"", "", "currency: RUB, per_refund: 50", "currency: RUB, per_day: 100", "per_payment_count: 1",
	"currency: RUB, per_refund: 500, per_day: 540, per_payment_count: 2", "currency: USD, per_day: 1000",
}

// plans are what a refund call can come to; what comes late comes within the
// settling time of a minute. A company that is relied on to refuse the same amount
// moves all of it or nothing: see docs/guarantees.md.
var plans = []world.Behaviour{
	world.Succeed(), world.LoseAnswer(), world.LoseRequest(), world.Late(20 * time.Second), world.Decline(), world.Refuse(),
	world.Accept(10*time.Second, true), world.Accept(10*time.Second, false), world.AcceptThenReject(10*time.Second, true),
	world.SlowDown(3 * time.Second), world.Break(true), world.Break(false), world.NotSent(), world.Partly(10_00),
}

var payments = []string{"p-1", "p-2"}

var modes = []world.Mode{world.DieBefore, world.DieAfter, world.LoseReply, world.LoseWrite, world.Repeat, world.Unconfirmed, world.Half,
	world.CutAfter, world.CutBefore, world.Freeze, world.FreezeSent, world.FreezeAfter}

// banks are the providers of a story: one, or two that share all but their
// company. Payments of both have the same ids.
var banks = []string{"bank", "till"}

type history struct {
	w         *world.World
	rt        *rapid.T
	banks     []string
	wrong     string // whose clock may be set: not both, which would prove anything
	processes [2]*world.Process
	frozen    []*world.Process
	begun     int
	ids       []string
}

func (h *history) start(i int) {
	h.begun++
	h.processes[i] = h.w.Start(fmt.Sprintf("worker-%d", h.begun))
}

// process is one that works; others take the place of those that died or froze.
func (h *history) process() *world.Process {
	i := rapid.IntRange(0, 1).Draw(h.rt, "process")
	switch p := h.processes[i]; {
	case p.Frozen():
		h.frozen = append(h.frozen, p)
		h.start(i)
	case p.Dead():
		h.start(i)
	}
	return h.processes[i]
}

func (h *history) id() string { return rapid.SampledFrom(h.ids).Draw(h.rt, "refund") }

// event lets one thing happen. That it fails is an event too: what must hold is
// checked by the caller.
func (h *history) event() {
	p := h.process()
	bank := rapid.SampledFrom(h.banks).Draw(h.rt, "provider")
	payment := rapid.SampledFrom(payments).Draw(h.rt, "payment")
	kinds := []string{"enqueue", "plan", "fault", "time", "by hand", "rejected by hand"}
	if h.wrong != "none" {
		kinds = append(kinds, "clock")
	}
	if len(h.ids) > 0 {
		kinds = append(kinds, "turn", "turn", "turn", "run", "again", "drop", "callback", "cancel", "retry", "approve", "thaw", "foreign", "person")
	}
	switch rapid.SampledFrom(kinds).Draw(h.rt, "event") {
	case "enqueue":
		r := asks(fmt.Sprintf("r-%d", len(h.ids)+1), rapid.SampledFrom([]string{"40.00", "60.00", "60.0", ""}).Draw(h.rt, "amount"))
		r.Provider, r.PaymentID = bank, payment
		h.ids = append(h.ids, r.RefundID)
		options := []tasks.Option{tasks.By(rapid.SampledFrom([]string{"ivan", "ann", ""}).Draw(h.rt, "by"))}
		if rapid.IntRange(0, 9).Draw(h.rt, "after window") == 0 {
			options = append(options, tasks.AfterWindow())
		}
		if rapid.IntRange(0, 3).Draw(h.rt, "rows of a file") > 0 {
			_, _ = p.Enqueue(r, options...)
			return
		}
		next := asks(fmt.Sprintf("r-%d", len(h.ids)+1), "40.00")
		next.Provider, next.PaymentID = bank, payment
		h.ids = append(h.ids, next.RefundID)
		_, _ = p.EnqueueAll([]refund.Request{r, next}, options...)
	case "again":
		r := asks(h.id(), "60.00")
		r.Provider, r.PaymentID = bank, payment
		_, _ = p.Enqueue(r)
	case "plan":
		plan := rapid.SampledFrom(plans).Draw(h.rt, "behaviour")
		if b := h.w.Bank(bank); plan.Part == 0 || b.Guard == 0 {
			b.Behave(payment, plan)
		}
	case "by hand":
		// Less than any refund: an equal one could not be told apart.
		h.w.Bank(bank).ByHand(payment, 1)
	case "rejected by hand":
		h.w.Bank(bank).RejectByHand(payment, rapid.SampledFrom([]int64{1, 40_00, 60_00}).Draw(h.rt, "minor"), 30*time.Second)
	case "clock":
		off := rapid.SampledFrom([]time.Duration{-time.Hour, -10 * time.Minute, 0, 10 * time.Minute, time.Hour}).Draw(h.rt, "off by")
		if h.wrong == "redis" {
			h.w.SkewRedis(off)
		} else {
			p.Skew = off
		}
	case "fault":
		p.FaultIn(rapid.IntRange(1, 30).Draw(h.rt, "step"), rapid.SampledFrom(modes).Draw(h.rt, "mode"))
	case "time":
		h.w.Advance(time.Duration(rapid.IntRange(1, 120).Draw(h.rt, "seconds")) * time.Second)
	case "turn":
		_ = p.Turn()
	case "run":
		_ = p.Run(h.id())
	case "drop":
		h.drop(h.id())
	case "callback":
		h.callback(p)
	case "cancel":
		_ = p.Cancel(h.id(), "ann", "a mistake")
	case "retry":
		_ = p.Retry(h.id(), journal.RetryRequest{By: "ann", Note: "try again"})
	case "approve":
		_ = p.Approve(h.id(), rapid.SampledFrom([]string{"ann", "bob"}).Draw(h.rt, "by"), "it is right")
	case "foreign":
		payload := fmt.Sprintf(`{"version":1,"refund_id":%q,"provider":%q,"payment_id":%q,"amount":"60.00","currency":"RUB"}`, h.id(), bank, payment)
		_ = p.Foreign([]byte(payload))
	case "person":
		h.person(p)
	case "thaw":
		for _, f := range h.frozen {
			_ = f.Thaw()
		}
		h.frozen = nil
	}
}

// person decides a review by the statement, when it can't change any more.
func (h *history) person(p *world.Process) {
	id := h.id()
	rec := h.w.Records()[id]
	if rec == nil || rec.State != refund.Review || rec.Request != nil || !h.w.Bank(rec.Provider).Quiet(rec.PaymentID, id, 2*time.Minute) {
		return
	}
	for _, other := range append(h.frozen, h.processes[:]...) {
		if other.Frozen() { // what it sends may still be on its way
			return
		}
	}
	_ = h.resolve(p, rec)
}

// drop deletes a task by hand, which asynq refuses while it runs.
func (h *history) drop(id string) {
	defer func() { _ = recover() }()
	h.w.Drop(id)
}

// callback is the company's only for what it has: nobody else knows the address.
func (h *history) callback(p *world.Process) {
	id := h.id()
	for _, bank := range h.banks {
		for _, payment := range payments {
			if _, times := h.w.Bank(bank).Moved(payment, id); times > 0 {
				_ = p.Callback(bank, id)
			}
		}
	}
}

// end lets everything come to its end: faults are over, frozen processes wake
// up, and a healthy one settles what is open.
func (h *history) end() error {
	for _, p := range append(h.frozen, h.processes[:]...) {
		p.ClearFaults()
		if p.Frozen() {
			_ = p.Thaw()
		}
	}
	if h.wrong == "redis" {
		h.w.SkewRedis(0)
	}
	last := h.w.Start("last")
	for range 2*len(h.ids) + 1 { // one that is approved may come back
		err := h.w.Settle(2*time.Hour, last)
		switch {
		case err == nil:
			return h.w.CheckSettled()
		case !errors.Is(err, world.ErrNotSettled):
			return err
		}
		// What waits for a refund in review waits for a person.
		if err := h.decide(last); err != nil {
			return err
		}
	}
	if err := h.w.Settle(200*time.Hour, last); err != nil {
		return err
	}
	return h.w.CheckSettled()
}

// decide is a person who reads the provider's statement.
func (h *history) decide(p *world.Process) error {
	for id, rec := range h.w.Records() {
		if rec.State != refund.Review {
			continue
		}
		if rec.ReasonCode == "" {
			return fmt.Errorf("refund %s is in review, and nobody knows why", id)
		}
		if odd := id[len(id)-1]%2 == 1; odd && rec.WaitsForApproval() && !rec.TakenOn() {
			if err := p.Approve(id, "bob", "it is right"); err != nil {
				return fmt.Errorf("approve %s: %w", id, err)
			}
			continue
		}
		if err := h.resolve(p, rec); err != nil {
			return fmt.Errorf("resolve %s: %w", id, err)
		}
	}
	return nil
}

func (h *history) resolve(p *world.Process, rec *journal.Record) error {
	r := tasks.Resolution{Outcome: refund.Declined, Note: "as the statement says", By: "ann"}
	if minor, times := h.w.Bank(rec.Provider).Moved(rec.PaymentID, rec.ID); times > 0 {
		r.Outcome, r.Moved = refund.Succeeded, rec.Money(minor)
	} else if rec.Partial {
		r.Moved = "0"
	}
	return p.Resolve(rec.ID, r)
}
