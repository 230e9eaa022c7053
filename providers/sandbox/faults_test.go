package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

// seen says what a client sees of each kind of fault.
var seen = map[sandbox.FaultKind]func(answer) bool{
	sandbox.LostAnswer:          func(a answer) bool { return errors.Is(a.err, io.EOF) },
	sandbox.ResetBefore:         wasReset,
	sandbox.ResetAfter:          wasReset,
	sandbox.ServerErrorBefore:   status(500),
	sandbox.ServerErrorAfter:    status(502),
	sandbox.HTMLBefore:          isPage,
	sandbox.HTMLAfter:           isPage,
	sandbox.TruncatedAfter:      func(a answer) bool { return errors.Is(a.err, io.ErrUnexpectedEOF) && a.body != "" },
	sandbox.GarbageAfter:        func(a answer) bool { return a.status == 200 && !json.Valid([]byte(a.body)) },
	sandbox.OversizedAfter:      func(a answer) bool { return len(a.body) > 8<<20 && json.Valid([]byte(a.body)) },
	sandbox.TooManyRequests:     func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "" },
	sandbox.RetryAfter:          func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "1" },
	sandbox.ServiceUnavailable:  status(503),
	sandbox.Slow:                isGood,
	sandbox.WrongCredentials:    isRefused("-32000", "11000", "5"),
	sandbox.Declined:            isRefused("-32602", "14013", "6"),
	sandbox.AmbiguousRefusal:    isRefused("", "12001", "7"),
	sandbox.InternalBefore:      isRefused("-32603", "10000", "7"),
	sandbox.InternalAfter:       isRefused("-32603", "10000", "7"),
	sandbox.LateEffect:          func(a answer) bool { return errors.Is(a.err, context.DeadlineExceeded) },
	sandbox.Redirect:            status(http.StatusTemporaryRedirect),
	sandbox.TrailingComma:       func(a answer) bool { return strings.HasSuffix(a.body, `",}}`) },
	sandbox.RejectedLater:       isGood,
	sandbox.ManualLater:         isGood,
	sandbox.CallbackLate:        isGood,
	sandbox.CallbackTwice:       isGood,
	sandbox.CallbackNever:       isGood,
	sandbox.ZeroRefundID:        func(a answer) bool { return strings.Contains(a.body, `"00000000-0000-0000-0000-000000000000"`) },
	sandbox.RequestedNotCounted: isGood,
	sandbox.BareError:           func(a answer) bool { return a.status == 200 && !strings.Contains(a.body, `"ok"`) },
	sandbox.PartialOutcome:      func(a answer) bool { return isGood(a) && strings.Contains(a.body, "false") },
	sandbox.LookupsGone:         isGood,
}

func status(code int) func(answer) bool { return func(a answer) bool { return a.status == code } }
func wasReset(a answer) bool            { return errors.Is(a.err, syscall.ECONNRESET) }
func isPage(a answer) bool              { return a.status == 200 && strings.Contains(a.body, "<html>") }
func isGood(a answer) bool {
	return a.status == 200 && json.Valid([]byte(a.body)) && !strings.Contains(a.body, `"error":`) && !strings.Contains(a.body, `"errorMessage"`)
}

// isRefused takes one code for each company, in the order of sandbox.Companies.
func isRefused(codes ...string) func(answer) bool {
	return func(a answer) bool {
		var body struct {
			Error     *struct{ Code json.Number }
			Errors    []struct{ ErrorCode string }
			ErrorCode json.Number
		}
		if json.Unmarshal([]byte(a.body), &body) != nil {
			return false
		}
		switch {
		case body.Error != nil:
			return body.Error.Code.String() == codes[0]
		case body.Errors != nil:
			return strings.TrimPrefix(body.Errors[0].ErrorCode, "maib.merchant.payments-") == codes[1]
		}
		return body.ErrorCode.String() == codes[2]
	}
}

func TestEachFaultMovesWhatItSays(t *testing.T) {
	for _, kind := range sandbox.Faults {
		for _, company := range kind.Companies() {
			t.Run(kind.String()+"/"+company, func(t *testing.T) {
				b := start(t, sandbox.Options{})
				id := paymentIDs[company]
				p := sandbox.Payment{Company: company, ID: id, Minor: 500_00}
				if company == sandbox.Sberbank {
					p.PointsMinor = 400_00
				}
				b.AddPayment(p)
				b.Fail(company, id, sandbox.Fault{Kind: kind, Delay: 10 * time.Millisecond})
				request := b.refundRequest(company)
				if kind == sandbox.LateEffect {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					request = request.WithContext(ctx)
				}
				got := b.do(request)
				if !seen[kind](got) {
					t.Errorf("the client saw %d %.200q %v", got.status, got.body, got.err)
				}
				moved := func() int64 { return b.Moved(company, id) }
				if kind == sandbox.LateEffect {
					if moved() != 0 {
						t.Error("moved before its time")
					}
					eventually(t, "the late effect", func() bool { b.clock.Advance(time.Second); return moved() != 0 })
				}
				b.clock.Advance(time.Second) // maib settles
				want := map[sandbox.Effect]int64{sandbox.NothingMoves: 0, sandbox.AllMoves: 100_00, sandbox.PartMoves: 20_00, sandbox.MovesLater: 100_00}
				if moved() != want[kind.Effect()] {
					t.Errorf("moved %d, the kind says %d", moved(), want[kind.Effect()])
				}
				if n := b.Calls(company, sandbox.OpRefund); n != 1 {
					t.Errorf("%d calls", n)
				}
			})
		}
	}
}

func TestTheNextCallIsWellAgain(t *testing.T) {
	for _, company := range sandbox.Companies {
		b := start(t, sandbox.Options{})
		b.AddPayment(sandbox.Payment{Company: company, ID: paymentIDs[company], Minor: 500_00})
		b.Fail(company, "", sandbox.Fault{Kind: sandbox.ServiceUnavailable, Times: 2})
		for i, good := range []bool{false, false, true} {
			if got := b.do(b.refundRequest(company)); isGood(got) != good {
				t.Errorf("%s: call %d: %d %s", company, i+1, got.status, got.body)
			}
		}
	}
}

func TestQueuedFaultsAreMetInTheirOrder(t *testing.T) {
	b := start(t, sandbox.Options{})
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00})
	b.Fail(sandbox.UnitPay, "", sandbox.Fault{Kind: sandbox.HTMLBefore})
	b.Fail(sandbox.UnitPay, "00"+unitpayID, sandbox.Fault{Kind: sandbox.ServiceUnavailable}, sandbox.Fault{}, sandbox.Fault{Kind: sandbox.ServerErrorBefore, Status: 599})
	var got []int
	for range 4 {
		got = append(got, b.do(b.refundRequest(sandbox.UnitPay)).status)
	}
	if !slices.Equal(got, []int{503, 200, 599, 200}) {
		t.Errorf("got %v", got)
	}
	if b.Moved(sandbox.UnitPay, unitpayID) != 100_00 {
		t.Error("moved", b.Moved(sandbox.UnitPay, unitpayID))
	}
}

func TestAFaultsRetryAfterIsItsOwn(t *testing.T) {
	b := start(t, sandbox.Options{})
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00})
	b.Fail(sandbox.UnitPay, "", sandbox.Fault{Kind: sandbox.RetryAfter, RetryAfter: "7"}, sandbox.Fault{Kind: sandbox.RetryAfter})
	for _, want := range []string{"7", "1"} {
		if got := b.do(b.refundRequest(sandbox.UnitPay)).header.Get("Retry-After"); got != want {
			t.Errorf("Retry-After %q, want %q", got, want)
		}
	}
}

func TestDownLastsUntilItIsTakenBack(t *testing.T) {
	b := start(t, sandbox.Options{})
	b.AddPayment(sandbox.Payment{Company: sandbox.Maib, ID: maibID, Minor: 500_00})
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00})
	b.token = b.newToken()
	b.Down(sandbox.Maib, &sandbox.Fault{Kind: sandbox.ServiceUnavailable})
	for range 3 {
		if got := b.lookup(sandbox.Maib); got.status != 503 {
			t.Errorf("while down: %d", got.status)
		}
	}
	if got := b.lookup(sandbox.UnitPay); got.status != 200 {
		t.Errorf("another company: %d", got.status)
	}
	b.Down(sandbox.Maib, nil)
	if got := b.lookup(sandbox.Maib); got.status != 200 {
		t.Errorf("up again: %d", got.status)
	}
}

func TestLookupFaultsLeaveRefundsAlone(t *testing.T) {
	for _, company := range sandbox.Companies {
		b := start(t, sandbox.Options{})
		b.AddPayment(sandbox.Payment{Company: company, ID: paymentIDs[company], Minor: 500_00})
		b.FailLookups(company, paymentIDs[company], sandbox.Fault{Kind: sandbox.ServerErrorBefore, Times: sandbox.Forever})
		if got := b.do(b.refundRequest(company)); !isGood(got) {
			t.Errorf("%s: the refund: %d %s", company, got.status, got.body)
		}
		for range 3 {
			if got := b.lookup(company); got.status != 500 {
				t.Errorf("%s: the lookup: %d", company, got.status)
			}
		}
	}
}

func TestMissingLookupsAnswer404And405(t *testing.T) {
	for _, company := range sandbox.Companies {
		b := start(t, sandbox.Options{})
		b.AddPayment(sandbox.Payment{Company: company, ID: paymentIDs[company], Minor: 500_00, NoLookup: true})
		got := []int{b.lookup(company).status, b.lookup(company).status}
		slices.Sort(got)
		if !slices.Equal(got, []int{404, 405}) {
			t.Errorf("%s: %v", company, got)
		}
	}
}

func TestAFaultOfAnotherCompanyPanics(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	defer s.Close()
	defer func() {
		if recover() == nil {
			t.Error("it was taken")
		}
	}()
	s.Fail(sandbox.UnitPay, unitpayID, sandbox.Fault{Kind: sandbox.CallbackTwice})
}

func TestCloseLetsGoOfWaitingClients(t *testing.T) {
	b := start(t, sandbox.Options{})
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00})
	b.Fail(sandbox.UnitPay, unitpayID, sandbox.Fault{Kind: sandbox.LostAnswer})
	request := b.refundRequest(sandbox.UnitPay)
	answered := make(chan answer, 1)
	go func() { answered <- b.do(request) }()
	eventually(t, "the effect", func() bool { return b.Moved(sandbox.UnitPay, unitpayID) > 0 })
	b.Close()
	if got := <-answered; got.err == nil {
		t.Errorf("got an answer: %s", got.body)
	}
}

func TestNamesOfFaultsAreReadBack(t *testing.T) {
	names := map[string]bool{}
	for _, kind := range sandbox.Faults {
		text, _ := kind.MarshalText()
		var back sandbox.FaultKind
		if err := back.UnmarshalText(text); err != nil || back != kind || names[string(text)] || kind.Help() == "" {
			t.Errorf("%d: %q, %v", kind, text, err)
		}
		names[string(text)] = true
	}
	if err := new(sandbox.FaultKind).UnmarshalText([]byte("earthquake")); err == nil {
		t.Error("an unknown name was taken")
	}
}
