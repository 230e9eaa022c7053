package tasks_test

import (
	"time"

	"refundworker/internal/world"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// scenario is one story of the safe path and how it ends without any fault.
type scenario struct {
	name    string
	options world.Options
	tale    func(s *story)
	ends    map[string]refund.State
}

func company(c world.Company) world.Options {
	return world.Options{Companies: []world.Company{named("bank", c)}}
}

// named is a company whose waits are short.
func named(name string, c world.Company) world.Company {
	c.Name = name
	c.Settings = []string{"reconcile: {first: 30s, settle: 1m}", "poll: {initial: 5s, max: 1m}"}
	return c
}

// clustered is o with the steps of taking in that a cluster needs.
func clustered(o world.Options) world.Options {
	o.Cluster = true
	return o
}

// unasked is o without a look at the provider before an attempt.
func unasked(o world.Options) world.Options {
	o.Companies[0].Settings = append(o.Companies[0].Settings, "preflight: false")
	return o
}

func asks(id, amount string) refund.Request {
	return refund.Request{RefundID: id, Provider: "bank", PaymentID: "p-1", Amount: amount, Currency: "RUB", Reason: "returned"}
}

// single is a tale of one refund whose calls come to this.
func single(amount string, plans ...world.Behaviour) func(*story) {
	return func(s *story) {
		s.w.Bank("bank").Behave("p-1", plans...)
		s.enqueue(asks("r-1", amount))
	}
}

func one(state refund.State) map[string]refund.State { return map[string]refund.State{"r-1": state} }

var scenarios = []scenario{
	{"success", company(world.Company{}), single("100.00"), one(refund.Succeeded)},
	{"full with its amount frozen", company(world.Company{NeedsAmount: true}), func(s *story) {
		s.w.Bank("bank").ByHand("p-1", 50_00)
		s.enqueue(asks("r-1", ""))
	}, one(refund.Succeeded)},
	{"answer lost, proven by the total", company(world.Company{}), single("100.00", world.LoseAnswer()), one(refund.Succeeded)},
	{"request lost, sent again", company(world.Company{}), single("100.00", world.LoseRequest()), one(refund.Succeeded)},
	{"late effect", company(world.Company{}), single("100.00", world.Late(40*time.Second)), one(refund.Succeeded)},
	{"accepted, then done", company(world.Company{RefundStatus: true}), single("100.00", world.Accept(10*time.Second, true)), one(refund.Succeeded)},
	{"accepted without an id, then done", company(world.Company{}), single("100.00", world.Accept(10*time.Second, false)), one(refund.Succeeded)},
	{"accepted, then rejected", company(world.Company{RefundStatus: true}), single("100.00", world.AcceptThenReject(10*time.Second, true)), one(refund.Declined)},
	{"declined", company(world.Company{}), single("100.00", world.Decline()), one(refund.Declined)},
	{"refused without a reason, then paid", company(world.Company{}), single("100.00", world.Refuse()), one(refund.Succeeded)},
	{"one part moved", company(world.Company{}), single("100.00", world.Partly(40_00)), one(refund.Review)},
	{"no connection, then 429", company(world.Company{}), single("100.00", world.NotSent(), world.SlowDown(3*time.Second)), one(refund.Succeeded)},
	{"guarded, answer lost", company(world.Company{NoStatus: true, Guard: 30 * time.Minute}), single("100.00", world.LoseAnswer()), one(refund.Review)},
	{"guarded, request lost", company(world.Company{NoStatus: true, Guard: 30 * time.Minute}), single("100.00", world.LoseRequest()), one(refund.Succeeded)},
	{"nothing asked before", unasked(company(world.Company{})), single("100.00"), one(refund.Succeeded)},
	{"nothing asked before, no connection, then 429", unasked(company(world.Company{})), single("100.00", world.NotSent(), world.SlowDown(3*time.Second)), one(refund.Succeeded)},
	{"nothing asked before, guarded, request lost", unasked(company(world.Company{NoStatus: true, Guard: 30 * time.Minute})), single("100.00", world.LoseRequest()), one(refund.Succeeded)},
	{"two refunds of a payment", company(world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.enqueue(asks("r-2", "60.00"))
	}, map[string]refund.State{"r-1": refund.Succeeded, "r-2": refund.Succeeded}},
	{"a duplicate is refused", company(world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.enqueue(asks("r-2", "100.0"))
	}, one(refund.Succeeded)},
	{"after the window", company(world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.enqueue(asks("r-2", "100.00"), tasks.AfterWindow())
	}, map[string]refund.State{"r-1": refund.Succeeded, "r-2": refund.Succeeded}},
	{"in a cluster", clustered(company(world.Company{})), single("100.00"), one(refund.Succeeded)},
	{"a duplicate is refused in a cluster", clustered(company(world.Company{})), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.enqueue(asks("r-2", "100.0"))
	}, one(refund.Succeeded)},
	{"a file", company(world.Company{}), func(s *story) {
		s.enqueueAll(asks("r-1", "100.00"), asksOf("p-2", "r-2", ""), asks("r-3", "100.0"), asks("r-4", "40.00"))
	}, map[string]refund.State{"r-1": refund.Succeeded, "r-2": refund.Succeeded, "r-4": refund.Succeeded}},
	{"a file in a cluster", clustered(company(world.Company{})), func(s *story) {
		s.enqueueAll(asks("r-1", "100.00"), asks("r-2", "100.0"), asks("r-3", "40.00"))
	}, map[string]refund.State{"r-1": refund.Succeeded, "r-3": refund.Succeeded}},
	{"foreign task in a cluster", clustered(company(world.Company{})), func(s *story) {
		s.w.Put("bank", "r-1", []byte(`{"version":1,"refund_id":"r-1","provider":"bank","payment_id":"p-1","amount":"100.00","currency":"RUB"}`))
		s.ids = append(s.ids, "r-1")
	}, one(refund.Succeeded)},
	{"foreign task", company(world.Company{}), func(s *story) {
		s.w.Put("bank", "r-1", []byte(`{"version":1,"refund_id":"r-1","provider":"bank","payment_id":"p-1","amount":"100.00","currency":"RUB"}`))
		s.ids = append(s.ids, "r-1")
	}, one(refund.Succeeded)},
	{"a worker that died while sending", company(world.Company{}), func(s *story) {
		doomed := s.w.Start("doomed")
		doomed.FaultOn("call bank refund", world.DieAfter)
		s.enqueue(asks("r-1", "100.00"))
		_ = doomed.Turn()
	}, one(refund.Succeeded)},
	{"a task that is gone", company(world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.w.Drop("r-1")
	}, one(refund.Succeeded)},
	{"callback", company(world.Company{RefundStatus: true}), func(s *story) {
		s.w.Bank("bank").Behave("p-1", world.Accept(30*time.Second, true))
		s.enqueue(asks("r-1", "100.00"))
		s.turn()
		s.callback()
		s.w.Advance(31 * time.Second)
		s.callback()
		s.settle()
		s.callback()
	}, one(refund.Succeeded)},
	{"canceled", company(world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"))
		s.do(func(p *world.Process) error { return p.Cancel("r-1", "ann", "a mistake") })
	}, one(refund.Canceled)},
	{"resolved by a person", company(world.Company{NoStatus: true}), func(s *story) {
		s.w.Bank("bank").Behave("p-1", world.LoseAnswer())
		s.enqueue(asks("r-1", "100.00"))
		s.settle()
		s.do(func(p *world.Process) error {
			outcome := refund.Declined
			if moved, _ := s.w.Bank("bank").Moved("p-1", "r-1"); moved > 0 {
				outcome = refund.Succeeded
			}
			return p.Resolve("r-1", tasks.Resolution{Outcome: outcome, Note: "as the statement says", By: "ann"})
		})
	}, one(refund.Succeeded)},
	{"beyond the limits, approved by another", limited("currency: RUB, per_refund: 50, per_payment_count: 1", world.Company{}), func(s *story) {
		s.enqueue(asks("r-1", "100.00"), tasks.By("ivan"))
		s.settle()
		s.do(func(p *world.Process) error { return p.Approve("r-1", "ann", "it is right") })
	}, one(refund.Succeeded)},
	{"the rest of a day, after one was declined", limited("currency: RUB, per_day: 100", world.Company{}), func(s *story) {
		s.w.Bank("bank").Behave("p-1", world.Decline())
		s.enqueue(asks("r-1", "60.00"))
		s.settle()
		s.enqueue(asksOf("p-2", "r-2", "70.00"))
	}, map[string]refund.State{"r-1": refund.Declined, "r-2": refund.Succeeded}},
	{"retried by a person", company(world.Company{}), func(s *story) {
		s.w.Bank("bank").Behave("p-1", world.LoseRequest(), world.LoseRequest())
		s.enqueue(asks("r-1", "100.00"))
		s.settle()
		s.do(func(p *world.Process) error {
			return p.Retry("r-1", journal.RetryRequest{By: "ann", Note: "try again"})
		})
	}, one(refund.Succeeded)},
}

// callback brings the company's callback, which is a hint: it may get lost.
func (s *story) callback() {
	_ = s.active.Callback("bank", "r-1")
	s.ended()
}

// turn lets the active process work off what is there, once.
func (s *story) turn() {
	_ = s.active.Turn()
	s.ended()
}
