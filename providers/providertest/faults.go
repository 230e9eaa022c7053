package providertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/providers/sandbox"
)

var unknown = Verdict{}

// verdicts are what the faults mean at every company. What is not listed must be
// in Harness.Verdicts, or is the harness's success.
var verdicts = map[sandbox.FaultKind]Verdict{
	sandbox.LostAnswer:         unknown,
	sandbox.ResetBefore:        unknown,
	sandbox.ResetAfter:         unknown,
	sandbox.ServerErrorBefore:  unknown,
	sandbox.ServerErrorAfter:   unknown,
	sandbox.HTMLBefore:         unknown,
	sandbox.HTMLAfter:          unknown,
	sandbox.TruncatedAfter:     unknown,
	sandbox.GarbageAfter:       unknown,
	sandbox.OversizedAfter:     unknown,
	sandbox.ServiceUnavailable: unknown,
	sandbox.InternalBefore:     unknown,
	sandbox.InternalAfter:      unknown,
	sandbox.LateEffect:         unknown,
	sandbox.Redirect:           unknown,
	sandbox.TooManyRequests:    {Kind: providers.RateLimited},
	sandbox.RetryAfter:         {Kind: providers.RateLimited},
	sandbox.WrongCredentials:   {Kind: providers.Misconfigured},
	sandbox.Declined:           {Kind: providers.Declined},
	sandbox.AmbiguousRefusal:   {Refused: true},
	sandbox.BareError:          {Kind: providers.Declined},
	sandbox.PartialOutcome:     {Kind: providers.Partial},
}

func (h Harness) verdict(k sandbox.FaultKind) Verdict {
	if v, ok := h.Verdicts[k]; ok {
		return v
	}
	if v, ok := verdicts[k]; ok {
		return v
	}
	return Verdict{Kind: h.Success}
}

// faults goes through every way to fail. Each time a lookup goes first, which
// leaves a kept connection and a token: an attempt must not travel over the one,
// and must not be repeated because either is dead. Then once more with a refund
// that went well before it, which leaves a connection that the attempt may take.
func (h Harness) faults(t *testing.T) {
	for _, kind := range sandbox.Faults {
		if !slices.Contains(kind.Companies(), h.Company) {
			continue
		}
		want := h.verdict(kind)
		t.Run(kind.String()+": "+want.Kind.String(), func(t *testing.T) {
			b := h.bench(t)
			if _, err := b.status(context.Background()); err != nil {
				t.Fatal(err)
			}
			if kind == sandbox.WrongCredentials {
				// An old token that is refused proves nothing; without the
				// lookup before it the token is new.
				b = h.bench(t)
			}
			b.fails(t, kind, want)
		})
		if kind == sandbox.WrongCredentials {
			continue
		}
		t.Run(kind.String()+" after a success: "+want.Kind.String(), func(t *testing.T) {
			b := h.bench(t)
			at := b.attempt()
			at.Minor = earlier
			if out := b.refund(at); out.Kind != h.Success {
				t.Fatalf("%+v, want %v", out, h.Success)
			}
			b.earlierCalls, b.earlierGiven = 1, earlier
			b.fails(t, kind, want)
		})
	}
	t.Run("503 with Retry-After: unknown, and the time is kept", func(t *testing.T) {
		b := h.bench(t)
		b.sandbox.Fail(h.Company, h.Payment, sandbox.Fault{Kind: sandbox.ServiceUnavailable, RetryAfter: "7"})
		if out := b.refund(b.attempt()); out.Kind != providers.Unknown || out.RetryAfter != 7*time.Second {
			t.Errorf("%+v, want unknown after 7s", out)
		}
	})
}

// fails makes an attempt that meets the fault.
func (b *bench) fails(t *testing.T, kind sandbox.FaultKind, want Verdict) {
	t.Helper()
	fault := sandbox.Fault{Kind: kind}
	if kind == sandbox.Slow {
		fault.Delay = time.Millisecond
	}
	b.sandbox.Fail(b.h.Company, b.h.Payment, fault)
	at := b.attempt()
	if kind == sandbox.LostAnswer || kind == sandbox.LateEffect {
		at.Deadline = time.Now().Add(short)
	}
	out := b.refund(at)
	if out.Kind != want.Kind || out.Refused != want.Refused {
		t.Errorf("%+v, want %v refused=%v", out, want.Kind, want.Refused)
	}
	b.onceAndTrue(t, kind, out)
}

// onceAndTrue checks that the refund was called once, that no more went back
// than was asked, and that what the driver says is no lie about it.
func (b *bench) onceAndTrue(t *testing.T, kind sandbox.FaultKind, out providers.Outcome) {
	t.Helper()
	calls := func() int { return b.sandbox.Calls(b.h.Company, sandbox.OpRefund) - b.earlierCalls }
	eventually(t, "the call is counted", func() bool { return calls() > 0 })
	switch kind.Effect() {
	case sandbox.AllMoves:
		eventually(t, "the effect", func() bool { return b.given() == part })
	case sandbox.MovesLater:
		eventually(t, "the late effect", func() bool { b.clock.Advance(time.Second); return b.given() == part })
	}
	if n := calls(); n != 1 || b.given() > part {
		t.Errorf("%d calls gave back %d, want one call and at most %d", n, b.given(), part)
	}
	switch out.Kind {
	case providers.Unavailable, providers.RateLimited, providers.Declined, providers.Misconfigured:
		if b.given() != 0 {
			t.Errorf("%v, though %d went back", out.Kind, b.given())
		}
	case providers.Succeeded, providers.Accepted:
		if kind != sandbox.RejectedLater && b.given() != part {
			t.Errorf("%v, though %d went back", out.Kind, b.given())
		}
	case providers.Partial:
		if out.Moved == nil || *out.Moved != b.given() || len(out.Parts) < 2 {
			t.Errorf("%+v, though %d went back", out, b.given())
		}
	}
	wantAfter := time.Duration(0)
	if kind == sandbox.RetryAfter {
		wantAfter = time.Second
	}
	if out.RetryAfter != wantAfter {
		t.Errorf("retry after %v, want %v", out.RetryAfter, wantAfter)
	}
	if kind == sandbox.ZeroRefundID && out.ProviderRefundID != "" {
		t.Errorf("refund id %q, want none", out.ProviderRefundID)
	}
	if out.Kind != b.h.Success && out.Code == "" && !out.Refused {
		t.Errorf("%+v has no code", out)
	}
}
