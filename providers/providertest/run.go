package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"refundworker/internal/clocktest"
	"refundworker/providers"
	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// Harness says how the contract is put to one driver.
type Harness struct {
	Driver   providers.Driver
	Company  string            // the sandbox's name of it
	Secrets  map[string]string // the sandbox's credentials, by option
	Payment  string            // a payment id in canonical form
	Currency refund.Currency
	Points   int64 // minor units of the payment's 1000.00 that were paid in points
	// Success is what a refund without a fault ends as: Succeeded or Accepted.
	Success providers.Kind
	// Refusal is an answer of the refund endpoint, and of lookups, that refuses
	// with this message.
	Refusal func(message string) string
	// Verdicts are what the company's own faults mean, and what common ones mean
	// where the company has a way of its own.
	Verdicts map[sandbox.FaultKind]Verdict
}

// Verdict is what a driver says of an attempt, or of a lookup.
type Verdict struct {
	Kind    providers.Kind
	Refused bool
}

const (
	total   = 100000 // minor units of the payment
	part    = 40000  // of a partial refund
	earlier = 100    // of one that went before it
	short   = 400 * time.Millisecond
	grace   = 20 * time.Second // for a loaded machine
)

// Run puts the contract to the driver.
func Run(t *testing.T, h Harness) {
	t.Run("refunds", h.refunds)
	t.Run("faults", h.faults)
	t.Run("nothing is sent", h.nothingSent)
	t.Run("lookups", h.lookups)
	t.Run("one refund", h.oneRefund)
	t.Run("secrets", h.secrets)
}

// bench is a sandbox of its own with the harness's payment, and an account.
type bench struct {
	h       Harness
	sandbox *sandbox.Server
	account providers.Account
	clock   *clocktest.Clock // the sandbox's
	// What went before the attempt that a test is about.
	earlierCalls int
	earlierGiven int64
}

func (h Harness) bench(t *testing.T, change ...func(*providers.Settings)) *bench {
	t.Helper()
	b := &bench{h: h, clock: clocktest.New(time.Now().Round(0))}
	b.sandbox = sandbox.New(sandbox.Options{Now: b.clock.Now})
	if err := b.sandbox.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.sandbox.Close() })
	b.addPayment(h.Payment, nil)
	s := b.settings(t)
	for _, f := range change {
		f(&s)
	}
	b.account = Open(t, h.Driver, s)
	return b
}

func (b *bench) settings(t *testing.T) providers.Settings {
	t.Helper()
	return SettingsFor(t, b.h.Driver, b.sandbox.BaseURL(b.h.Company), b.h.Secrets)
}

func (b *bench) addPayment(id string, change func(*sandbox.Payment)) {
	p := sandbox.Payment{Company: b.h.Company, ID: id, Minor: total, PointsMinor: b.h.Points, Currency: string(b.h.Currency)}
	if change != nil {
		change(&p)
	}
	b.sandbox.AddPayment(p)
}

// attempt is one at a part of the payment.
func (b *bench) attempt() providers.Attempt { return Attempt(b.h.Payment, part, b.h.Currency) }

func (b *bench) refund(a providers.Attempt) providers.Outcome {
	return b.account.Refund(context.Background(), a)
}

func (b *bench) status(ctx context.Context) (providers.PaymentStatus, error) {
	s, ok := b.account.(providers.PaymentStatuser)
	if !ok {
		return providers.PaymentStatus{}, errors.New("this account has no lookup of payments")
	}
	return s.PaymentStatus(ctx, providers.PaymentQuery{PaymentID: b.h.Payment, Currency: b.h.Currency})
}

// given is what the sandbox gave back, or has promised to.
func (b *bench) given() int64 {
	return b.sandbox.Moved(b.h.Company, b.h.Payment) + b.sandbox.Pending(b.h.Company, b.h.Payment) - b.earlierGiven
}

// eventually waits for what the sandbox does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(grace)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within %v: %s", grace, what)
		}
	}
}
