package world

import (
	"context"
	"fmt"
	"time"

	"refundworker/providers"
)

// callbackToken is in every refund's callback address.
const callbackToken = "token"

// account is a company as one process calls it.
type account struct {
	bank    *Bank
	process *Process
}

// open returns the account with the abilities that the company has.
func (b *Bank) open(p *Process) providers.Account {
	a := account{b, p}
	switch {
	case b.RefundStatus && b.Guard > 0:
		return struct {
			guardedAccount
			refundStatuser
		}{guardedAccount{a}, refundStatuser{a}}
	case b.RefundStatus:
		return struct {
			account
			refundStatuser
		}{a, refundStatuser{a}}
	case b.Guard > 0:
		return guardedAccount{a}
	}
	return a
}

type guardedAccount struct{ account }

func (a guardedAccount) SameAmountGuard() time.Duration { return a.bank.Guard }

func (a account) NeedsAmount() bool                       { return a.bank.NeedsAmount }
func (a account) CallbackURL(id string) string            { return "https://world.example/" + id }
func (a account) KnowsCallback(_ string, tok string) bool { return tok == callbackToken }

// Refund keeps the contract of a driver: what is past its deadline by the
// process's wall clock, or by the monotonic one, is not sent, however late that
// is noticed.
func (a account) Refund(ctx context.Context, at providers.Attempt) providers.Outcome {
	unknown := func(code string) providers.Outcome { return providers.Outcome{Kind: providers.Unknown, Code: code} }
	o := unknown(providers.CodeTimeout)
	_ = a.process.meet(Step{Label: "call " + a.bank.Name + " refund", Provider: true, Write: true},
		func(extent) error {
			over, bounded := ctx.Deadline()
			if !a.process.Now().Before(at.Deadline) || bounded && !time.Now().Before(over) {
				o = providers.Outcome{Kind: providers.Unavailable, Code: providers.CodeTooLate}
				return nil
			}
			answered, ok := a.bank.refund(at)
			if !ok {
				<-ctx.Done()
				return nil
			}
			sleep(ctx, a.bank.Latency)
			if ctx.Err() == nil {
				o = answered
			}
			return nil
		},
		func(err error) error { o = unknown(providers.CodeReset); return err })
	return o
}

// PaymentStatus says how much of a payment is refunded.
func (a account) PaymentStatus(ctx context.Context, q providers.PaymentQuery) (providers.PaymentStatus, error) {
	if a.bank.NoStatus {
		return providers.PaymentStatus{}, &providers.LookupError{Unsupported: true, Code: providers.CodeUnsupported}
	}
	var status providers.PaymentStatus
	err := a.lookup(ctx, "status", func() error { status = a.bank.status(q.PaymentID); return nil })
	return status, err
}

// lookup makes a step of a call that only reads. The answer is the company's
// when it was asked, and comes a latency later.
func (a account) lookup(ctx context.Context, what string, read func() error) error {
	var failed error
	err := a.process.meet(Step{Label: "call " + a.bank.Name + " " + what, Provider: true},
		func(extent) error {
			failed = nil
			if ctx.Err() == nil {
				failed = read()
				sleep(ctx, a.bank.Latency)
			}
			if ctx.Err() != nil {
				failed = &providers.LookupError{Code: providers.CodeTimeout}
			} else if kind := a.bank.lookupsFail(); failed == nil && kind != providers.Unknown {
				failed = &providers.LookupError{Kind: kind, Code: "http_" + kind.String()}
			}
			return nil
		},
		func(err error) error { return err })
	if err != nil {
		return &providers.LookupError{Code: providers.CodeReset}
	}
	return failed
}

// refundStatuser is the lookup by the company's own id of a refund.
type refundStatuser struct{ of account }

func (r refundStatuser) RefundStatus(ctx context.Context, number string) (providers.RefundStatus, error) {
	var status providers.RefundStatus
	err := r.of.lookup(ctx, "refund status", func() (err error) { status, err = r.of.bank.refundStatus(number); return err })
	return status, err
}

func (b *Bank) lookupsFail() providers.Kind {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// refund is a call that has arrived; false: it gets no answer.
func (b *Bank) refund(at providers.Attempt) (providers.Outcome, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p := b.of(at.PaymentID)
	plan := Succeed()
	if len(p.plans) > 0 {
		plan, p.plans = p.plans[0], p.plans[1:]
	}
	if plan.Name != LoseRequest().Name && plan.Name != NotSent().Name {
		b.calls = append(b.calls, Call{at.RefundID, at.Number, now})
	}
	answer := plan.Answer
	if plan.Moves {
		minor := at.Minor
		if minor == 0 {
			minor = p.left(now)
		}
		if refused, ok := b.rules(p, minor, now); !ok {
			return refused, !plan.Silent
		}
		if plan.Part > 0 {
			answer.Parts = []providers.Part{{Operation: "first", Minor: plan.Part, Moved: true}, {Operation: "second", Minor: minor - plan.Part}}
			minor = plan.Part
		}
		b.numbered++
		e := Entry{RefundID: at.RefundID, Number: fmt.Sprintf("n-%d", b.numbered), Minor: minor, Asked: now, At: now.Add(plan.After)}
		e.Done = e.At.Add(plan.Works)
		e.all, e.due = at.Minor == 0 && plan.Part == 0, plan.After > 0
		if plan.Rejects {
			e.Rejected = e.Done
		}
		p.entries = append(p.entries, e)
		if answer.ProviderRefundID != "" {
			answer.ProviderRefundID = e.Number
		}
		if answer.Kind == providers.Succeeded {
			answer.Moved = &minor
		}
	}
	return answer, !plan.Silent
}

// rules are what the company refuses whatever it was told to do.
func (b *Bank) rules(p *payment, minor int64, now time.Time) (providers.Outcome, bool) {
	switch {
	case b.Guard > 0 && p.guarded(minor, b.Guard, now):
		return Refuse().Answer, false
	case minor <= 0 || minor > p.left(now):
		if b.Guard > 0 { // such a company refuses without a code
			return Refuse().Answer, false
		}
		return providers.Outcome{Kind: providers.Declined, Code: "exceeds", Message: "more than is left"}, false
	}
	return providers.Outcome{}, true
}

func (b *Bank) status(paymentID string) providers.PaymentStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.of(paymentID)
	done, pending := p.figures(time.Now().Add(-b.Lag))
	left := p.total - done - pending
	status := providers.PaymentStatus{Refunded: &done, Refundable: &left, Currency: p.currency}
	if !b.HidesPending {
		status.Requested = &pending
	}
	return status
}

func (b *Bank) refundStatus(number string) (providers.RefundStatus, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := time.Now().Add(-b.Lag)
	for _, p := range b.payments {
		for _, e := range p.entries {
			if e.Number != number {
				continue
			}
			minor := e.Minor
			switch {
			case e.done(seen):
				return providers.RefundStatus{Progress: providers.Done, Minor: &minor, Raw: "done"}, nil
			case !e.Rejected.IsZero() && !e.Rejected.After(seen):
				return providers.RefundStatus{Progress: providers.Rejected, Raw: "rejected"}, nil
			}
			return providers.RefundStatus{Progress: providers.Pending, Raw: "pending"}, nil
		}
	}
	return providers.RefundStatus{}, &providers.LookupError{Code: "no_such_refund"}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
