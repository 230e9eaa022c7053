package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// What each refund is about: a part of the payment, or all of it.
var (
	paid = refund.Money{Minor: 100_00, Currency: "RUB"}
	part = refund.Money{Minor: 40_00, Currency: "RUB"}
)

// Shares of the refunds, in percent.
const (
	fullShare   = 30
	faultShare  = 40
	repeatShare = 10 // enqueued again with the same id
	twinShare   = 10 // enqueued again with another id
)

// faultDelay is how late what comes late is.
const faultDelay = time.Second

// job is one refund to enqueue, on a payment of its own.
type job struct {
	request refund.Request
	fault   sandbox.FaultKind // that its first call meets
	repeat  bool
	twin    string // a second refund id for the same payment and amount; empty: none
}

// minor is the amount asked for.
func (j job) minor() int64 {
	if j.request.Amount == "" {
		return paid.Minor
	}
	return part.Minor
}

// plan is all that follows from the seed before anything has run.
type plan struct {
	jobs []job
}

func newPlan(s settings) *plan {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	faults := map[string][]sandbox.FaultKind{}
	for _, kind := range sandbox.Faults {
		for _, company := range kind.Companies() {
			faults[company] = append(faults[company], kind)
		}
	}
	percent := func(n int) bool { return rng.IntN(100) < n }
	p := &plan{}
	for n := range s.refunds {
		company := sandbox.Companies[n%len(sandbox.Companies)]
		j := job{request: refund.Request{RefundID: fmt.Sprintf("t%d-%d", s.seed, n), Provider: company, PaymentID: paymentID(company, n),
			Currency: currency(company), Reason: "torture"}}
		if !percent(fullShare) {
			j.request.Amount = part.String()
		}
		if percent(faultShare) {
			j.fault = faults[company][rng.IntN(len(faults[company]))]
		}
		j.repeat = percent(repeatShare)
		if percent(twinShare) {
			j.twin = j.request.RefundID + "-twin"
		}
		p.jobs = append(p.jobs, j)
	}
	return p
}

// paymentID is the n-th payment in the company's form.
func paymentID(company string, n int) string {
	if company == sandbox.UnitPay {
		return fmt.Sprint(1_000_000_000_000 + n)
	}
	return fmt.Sprintf("8ce09e40-2948-4225-a9c4-%012x", n)
}

func currency(company string) string {
	if company == sandbox.Maib {
		return "MDL"
	}
	return "RUB"
}
