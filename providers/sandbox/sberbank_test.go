package sandbox_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"refundworker/providers/sandbox"
)

func sberbankBench(t *testing.T, minor, points int64) *bench {
	b := start(t, sandbox.Options{})
	b.AddPayment(sandbox.Payment{Company: sandbox.Sberbank, ID: sberbankID, Minor: minor, PointsMinor: points})
	return b
}

func (b *bench) autoRefund(amount string) answer {
	return b.sberbank("autoRefund.do", "orderId", sberbankID, "compositeRefundAmount", amount)
}

func TestSberbankAnswersTheDocumentedSample(t *testing.T) {
	b := sberbankBench(t, 200000, 196080)
	const golden = `{"operations":[{"pcId":2699144,"operation":"REFUND_PAYMENT","amount":1960,"successful":true,"transactionId":"1652"},` +
		`{"pcId":2699145,"operation":"REFUND_AWARD","amount":98040,"successful":true,"transactionId":"1653"}],"errorCode":"0"}`
	if got := b.autoRefund("100000"); got.body != golden {
		t.Errorf("got  %s\nwant %s", got.body, golden)
	}
	var legs []string
	for _, m := range b.Movements(sandbox.Sberbank, sberbankID) {
		legs = append(legs, m.Leg)
		if m.Request != 1 {
			t.Errorf("caused by call %d", m.Request)
		}
	}
	if !slices.Equal(legs, []string{sandbox.LegMoney, sandbox.LegPoints}) {
		t.Errorf("moved %v", legs)
	}
}

func TestSberbankTypesWaver(t *testing.T) {
	b := sberbankBench(t, 100000, 0)
	kinds := map[string]map[string]bool{}
	saw := func(name string, raw json.RawMessage) {
		if kinds[name] == nil {
			kinds[name] = map[string]bool{}
		}
		kind := "bare"
		if raw == nil {
			kind = "absent"
		} else if raw[0] == '"' {
			kind = "quoted"
		}
		kinds[name][kind] = true
	}
	for range 8 {
		got := b.autoRefund("100")
		var body struct {
			Operations []map[string]json.RawMessage
		}
		var top map[string]json.RawMessage
		if json.Unmarshal([]byte(got.body), &body) != nil || json.Unmarshal([]byte(got.body), &top) != nil {
			t.Fatalf("not JSON: %s", got.body)
		}
		saw("errorCode", top["errorCode"])
		for _, name := range []string{"pcId", "successful", "amount"} {
			saw(name, body.Operations[0][name])
		}
		saw("type "+strings.Split(got.header.Get("Content-Type"), ";")[0], nil)
	}
	for name, want := range map[string]int{"errorCode": 3, "pcId": 2, "successful": 2, "amount": 2, "type text/plain": 1, "type application/json": 1} {
		if len(kinds[name]) != want {
			t.Errorf("%s: %v", name, kinds[name])
		}
	}
	if moved := b.Moved(sandbox.Sberbank, sberbankID); moved != 800 {
		t.Errorf("moved %d", moved)
	}
}

func TestSberbankRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		params []string
		code   string
	}{
		"wrong password":      {[]string{"password", "wrong"}, "5"},
		"wrong user":          {[]string{"userName", "wrong"}, "5"},
		"no order":            {[]string{"orderId", ""}, "5"},
		"zero":                {[]string{"compositeRefundAmount", "0"}, "5"},
		"no amount":           {[]string{"compositeRefundAmount", ""}, "4"},
		"a long language":     {[]string{"language", "rus"}, "4"},
		"major units":         {[]string{"compositeRefundAmount", "100.00"}, "1"},
		"a negative amount":   {[]string{"compositeRefundAmount", "-100"}, "1"},
		"unknown order":       {[]string{"orderId", "x"}, "6"},
		"more than was paid":  {[]string{"compositeRefundAmount", "50001"}, "7"},
		"more than any int64": {[]string{"compositeRefundAmount", "99999999999999999999"}, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			b := sberbankBench(t, 50000, 0)
			params := append([]string{"orderId", sberbankID, "compositeRefundAmount", "100"}, c.params...)
			got := b.sberbank("autoRefund.do", params...)
			if code := field[string](t, got, "errorCode"); code != c.code || got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
			if b.Moved(sandbox.Sberbank, sberbankID) != 0 {
				t.Error("money moved")
			}
		})
	}
}

func TestSberbankRefundsOnlyWhatWasDebited(t *testing.T) {
	for status, good := range map[string]bool{"": true, "2": true, "4": true, "0": false, "1": false, "3": false, "6": false} {
		b := start(t, sandbox.Options{})
		b.AddPayment(sandbox.Payment{Company: sandbox.Sberbank, ID: sberbankID, Minor: 50000, Status: status})
		if got := b.autoRefund("100"); (b.Moved(sandbox.Sberbank, sberbankID) == 100) != good {
			t.Errorf("status %q: %s", status, got.body)
		}
	}
}

func TestSberbankPartialOutcomeMovesTheMoneyOnly(t *testing.T) {
	b := sberbankBench(t, 19900, 7700)
	b.Fail(sandbox.Sberbank, sberbankID, sandbox.Fault{Kind: sandbox.PartialOutcome})
	got := b.autoRefund("19900")
	if !field[bool](t, got, "operations", 0, "successful") || field[bool](t, got, "operations", 1, "successful") {
		t.Errorf("got %s", got.body)
	}
	moved := b.Movements(sandbox.Sberbank, sberbankID)
	if len(moved) != 1 || moved[0].Leg != sandbox.LegMoney || moved[0].Minor != 12200 {
		t.Errorf("moved %+v", moved)
	}
}

func TestSberbankOrderStatus(t *testing.T) {
	b := sberbankBench(t, 19900, 7700)
	const golden = `{"errorCode":"0","errorMessage":"Успешно","orderNumber":"sandbox-` + sberbankID + `","orderStatus":2,"amount":19900,"currency":"643",` +
		`"paymentAmountInfo":{"paymentState":"DEPOSITED","approvedAmount":12200,"depositedAmount":12200,"refundedAmount":0},` +
		`"loyaltyInfo":{"paymentBonus":{"approvedAmountBonus":7700,"depositedAmountBonus":7700,"refundedAmountBonus":0}},"refunds":[]}`
	if got := b.lookup(sandbox.Sberbank); got.body != golden {
		t.Errorf("got  %s\nwant %s", got.body, golden)
	}
	b.autoRefund("9950")
	shapes := map[string]bool{}
	for range 6 {
		got := b.lookup(sandbox.Sberbank)
		for path, want := range map[string]string{
			"paymentAmountInfo refundedAmount": "6100", "paymentAmountInfo depositedAmount": "6100",
			"loyaltyInfo paymentBonus refundedAmountBonus": "3850", "orderStatus": "4", "amount": "19900",
		} {
			var steps []any
			for _, step := range strings.Fields(path) {
				steps = append(steps, step)
			}
			if n := field[json.Number](t, got, steps...); n.String() != want {
				t.Errorf("%s is %s, not %s", path, n, want)
			}
		}
		var top struct{ Refunds json.RawMessage }
		if err := json.Unmarshal([]byte(got.body), &top); err != nil {
			t.Fatal(err)
		}
		shapes[string(append(top.Refunds, '-')[:1])] = true
	}
	if !shapes["["] || !shapes["-"] {
		t.Errorf("refunds came as %v", shapes)
	}
	if got := b.sberbank("getOrderStatusExtended.do", "orderId", "x"); !strings.Contains(got.body, "6") {
		t.Errorf("an unknown order: %s", got.body)
	}
}

func TestSberbankTakesGETToo(t *testing.T) {
	b := sberbankBench(t, 50000, 0)
	address := b.BaseURL(sandbox.Sberbank) + "/autoRefund.do?orderId=" + sberbankID + "&compositeRefundAmount=100&userName=" +
		sandbox.SberbankUser + "&password=" + sandbox.SberbankPassword
	if got := b.do(b.request("GET", address, "", "")); !isGood(got) || b.Moved(sandbox.Sberbank, sberbankID) != 100 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
