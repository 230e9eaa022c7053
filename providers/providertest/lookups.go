package providertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/sandbox"
)

// lookups say what the ledger says, or that they don't know.
func (h Harness) lookups(t *testing.T) {
	t.Run("after a refund: its amount", func(t *testing.T) {
		b := h.bench(t)
		before, err := b.status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if sum, ok := before.Total(); !ok || sum != 0 || before.Refundable == nil || *before.Refundable != total || before.Currency != h.Currency {
			t.Errorf("before: %d %v %+v, want 0 of %d", sum, ok, before, total)
		}
		b.refund(b.attempt())
		b.clock.Advance(time.Minute)
		after, err := b.status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if sum, ok := after.Total(); !ok || sum != part || after.Refundable == nil || *after.Refundable != total-part {
			t.Errorf("after: %d %v %+v, want %d of %d", sum, ok, after, part, total)
		}
	})
	t.Run("no figures: nil, never zero", func(t *testing.T) {
		b := h.bench(t)
		b.addPayment(h.Payment, func(p *sandbox.Payment) { p.NoFigures = true })
		if s, err := b.status(context.Background()); err != nil || s.Refunded != nil {
			t.Errorf("%+v, %v; want no figure", s, err)
		}
	})
	t.Run("no such lookup: an error that proves nothing", func(t *testing.T) {
		b := h.bench(t)
		b.addPayment(h.Payment, func(p *sandbox.Payment) { p.NoLookup = true })
		for range 2 { // 404 and 405 in turn
			_, err := b.status(context.Background())
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) || lookup.Kind != providers.Unknown {
				t.Errorf("%v, want unknown", err)
			}
		}
	})
	common := []sandbox.FaultKind{
		sandbox.LostAnswer, sandbox.ResetBefore, sandbox.ServerErrorBefore, sandbox.HTMLBefore, sandbox.TruncatedAfter, sandbox.GarbageAfter,
		sandbox.OversizedAfter, sandbox.TooManyRequests, sandbox.RetryAfter, sandbox.ServiceUnavailable, sandbox.WrongCredentials,
		sandbox.Declined, sandbox.AmbiguousRefusal, sandbox.InternalBefore, sandbox.Redirect,
	}
	for _, kind := range common {
		want := h.verdict(kind).Kind
		switch {
		case kind == sandbox.WrongCredentials:
			want = providers.Misconfigured // a lookup has nothing else to refuse
		case want == providers.Declined:
			want = providers.Unknown // a lookup declines nothing
		}
		t.Run(kind.String()+": "+want.String(), func(t *testing.T) {
			b := h.bench(t)
			b.sandbox.FailLookups(h.Company, h.Payment, sandbox.Fault{Kind: kind, Times: sandbox.Forever})
			ctx := context.Background()
			if kind == sandbox.LostAnswer {
				short, cancel := context.WithTimeout(ctx, short)
				defer cancel()
				ctx = short
			}
			s, err := b.status(ctx)
			var lookup *providers.LookupError
			if !errors.As(err, &lookup) {
				t.Fatalf("%+v, %v; want a lookup error", s, err)
			}
			if lookup.Kind != want || lookup.Code == "" {
				t.Errorf("%+v, want %v", lookup, want)
			}
			if slices.Contains([]sandbox.FaultKind{sandbox.ServerErrorBefore, sandbox.HTMLBefore, sandbox.InternalBefore}, kind) && lookup.Unsupported {
				t.Errorf("%+v claims that the lookup does not exist", lookup)
			}
		})
	}
}

// oneRefund is about lookups of a single refund, where there are any.
func (h Harness) oneRefund(t *testing.T) {
	if _, ok := h.bench(t).account.(providers.RefundStatuser); !ok {
		t.Skip("this provider has no lookup of a single refund")
	}
	for kind, want := range map[sandbox.FaultKind]providers.Progress{
		sandbox.NoFault:       providers.Done,
		sandbox.RejectedLater: providers.Rejected,
		sandbox.ManualLater:   providers.Manual,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			b := h.bench(t)
			b.sandbox.Fail(h.Company, h.Payment, sandbox.Fault{Kind: kind})
			out := b.refund(b.attempt())
			if out.Kind != providers.Accepted || out.ProviderRefundID == "" {
				t.Fatalf("%+v, want accepted with an id", out)
			}
			statuser := b.account.(providers.RefundStatuser)
			s, err := statuser.RefundStatus(context.Background(), out.ProviderRefundID)
			if err != nil || s.Progress != providers.Pending {
				t.Errorf("at once: %+v, %v; want pending", s, err)
			}
			b.clock.Advance(time.Minute)
			b.given() // the sandbox catches up with its clock
			s, err = statuser.RefundStatus(context.Background(), out.ProviderRefundID)
			if err != nil || s.Progress != want || s.Minor == nil || *s.Minor != part {
				t.Errorf("later: %+v, %v; want %v of %d", s, err, want, part)
			}
		})
	}
}
