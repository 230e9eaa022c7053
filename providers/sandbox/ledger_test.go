package sandbox_test

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"refundworker/providers/sandbox"
)

func TestMoneyAndPointsAlwaysAddUp(t *testing.T) {
	b := start(t, sandbox.Options{})
	b.client.Transport = nil // keep connections: there are many calls
	orders := 0
	rapid.Check(t, func(rt *rapid.T) {
		orders++
		id := "order-" + strconv.Itoa(orders)
		total := rapid.Int64Range(1, 1e14).Draw(rt, "total")
		points := rapid.Int64Range(0, total).Draw(rt, "points")
		b.AddPayment(sandbox.Payment{Company: sandbox.Sberbank, ID: id, Minor: total, PointsMinor: points})
		var want int64
		for range rapid.IntRange(1, 4).Draw(rt, "refunds") {
			amount := rapid.Int64Range(1, total).Draw(rt, "amount")
			b.sberbank("autoRefund.do", "orderId", id, "compositeRefundAmount", strconv.FormatInt(amount, 10))
			if want+amount <= total {
				want += amount
			}
		}
		legs := map[string]int64{}
		for _, m := range b.Movements(sandbox.Sberbank, id) {
			if m.Minor <= 0 {
				rt.Fatalf("a movement of %d", m.Minor)
			}
			legs[m.Leg] += m.Minor
		}
		money, award := legs[sandbox.LegMoney], legs[sandbox.LegPoints]
		if moved := b.Moved(sandbox.Sberbank, id); moved != want || money+award != want {
			rt.Fatalf("moved %d (%d + %d), not %d", moved, money, award, want)
		}
		if money > total-points || award > points {
			rt.Fatalf("a leg gave back more than it had: %d of %d, %d of %d", money, total-points, award, points)
		}
	})
}

func TestRefundsByHandCountLikeOthers(t *testing.T) {
	for _, company := range sandbox.Companies {
		b := start(t, sandbox.Options{})
		id := paymentIDs[company]
		b.AddPayment(sandbox.Payment{Company: company, ID: id, Minor: 150_00})
		if err := b.RefundByHand(company, id, 60_00); err != nil {
			t.Fatal(err)
		}
		if err := b.RefundByHand(company, id, 90_01); err == nil {
			t.Errorf("%s: more than is left was taken", company)
		}
		if got := b.do(b.refundRequest(company)); isGood(got) {
			t.Errorf("%s: 100.00 of the 90.00 left: %s", company, got.body)
		}
		if got := b.lookup(company); !strings.Contains(got.body, map[string]string{
			sandbox.UnitPay: `"availableForRefund":"90.00"`, sandbox.Maib: `"refundedAmount":60.00`, sandbox.Sberbank: `"refundedAmount":6000`}[company]) {
			t.Errorf("%s: the lookup shows %s", company, got.body)
		}
		if moved := b.Moved(company, id); moved != 60_00 {
			t.Errorf("%s: moved %d", company, moved)
		}
	}
}

func TestAChangedPaymentKeepsWhatMoved(t *testing.T) {
	b := start(t, sandbox.Options{})
	p := sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00}
	b.AddPayment(p)
	b.do(b.refundRequest(sandbox.UnitPay))
	p.NoLookup = true
	b.AddPayment(p)
	if moved := b.Moved(sandbox.UnitPay, "0"+unitpayID); moved != 100_00 {
		t.Errorf("moved %d", moved)
	}
}
