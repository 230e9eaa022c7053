package sandbox_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

const unitpayOK = `{"result":{"message":"Возврат успешно произведен"}}`

func unitpayBench(t *testing.T, p sandbox.Payment) *bench {
	b := start(t, sandbox.Options{})
	p.Company, p.ID, p.Minor = sandbox.UnitPay, unitpayID, 500_00
	b.AddPayment(p)
	return b
}

func TestUnitPayRefundsInBothStyles(t *testing.T) {
	for _, style := range []string{"params[%s]", "%s"} {
		b := unitpayBench(t, sandbox.Payment{})
		got := b.do(b.unitpayRequest("refundPayment", style, "paymentId", unitpayID, "sum", "100.00"))
		if got.body != unitpayOK || got.status != 200 {
			t.Errorf("%s: %d %s", style, got.status, got.body)
		}
		if moved := b.Moved(sandbox.UnitPay, unitpayID); moved != 100_00 {
			t.Errorf("%s: moved %d", style, moved)
		}
	}
}

func TestUnitPayWithoutSumRefundsWhatIsLeft(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{})
	b.unitpay("refundPayment", "paymentId", unitpayID, "sum", "100")
	b.unitpay("refundPayment", "paymentId", unitpayID)
	if moved := b.Moved(sandbox.UnitPay, unitpayID); moved != 500_00 {
		t.Errorf("moved %d", moved)
	}
	got := b.unitpay("getPayment", "paymentId", unitpayID)
	if s := field[string](t, got, "result", "status"); s != "refund" {
		t.Errorf("status %s", s)
	}
}

func TestUnitPayRefusals(t *testing.T) {
	const noCode = `{"error":{"message":`
	for name, c := range map[string]struct {
		payment sandbox.Payment
		before  string // a refund of this sum comes first
		params  []string
		code    string // empty: refused without a code
	}{
		"wrong key":                          {params: []string{"secretKey", "wrong", "paymentId", unitpayID}, code: "-32000"},
		"no payment id":                      {code: "-32602"},
		"letters in the payment id":          {params: []string{"paymentId", "12a"}, code: "-32602"},
		"zero":                               {params: []string{"paymentId", unitpayID, "sum", "0.00"}, code: "-32602"},
		"negative":                           {params: []string{"paymentId", unitpayID, "sum", "-1.00"}, code: "-32602"},
		"a tenth of a kopeck":                {params: []string{"paymentId", unitpayID, "sum", "1.001"}, code: "-32602"},
		"unknown payment":                    {params: []string{"paymentId", "404", "sum", "1.00"}},
		"more than was paid":                 {params: []string{"paymentId", unitpayID, "sum", "500.01"}},
		"more than is left":                  {before: "450.00", params: []string{"paymentId", unitpayID, "sum", "50.01"}},
		"nothing left":                       {before: "500.00", params: []string{"paymentId", unitpayID}},
		"the same amount again":              {before: "100.00", params: []string{"paymentId", unitpayID, "sum", "100"}},
		"a second refund where one is all":   {payment: sandbox.Payment{OneRefund: true}, before: "10.00", params: []string{"paymentId", unitpayID, "sum", "20.00"}},
		"a part where only all is":           {payment: sandbox.Payment{NoPartial: true}, params: []string{"paymentId", unitpayID, "sum", "20.00"}},
		"a payment under way":                {payment: sandbox.Payment{Status: "wait"}, params: []string{"paymentId", unitpayID, "sum", "20.00"}},
		"test mode with a real payment":      {params: []string{"paymentId", unitpayID, "sum", "20.00", "test", "1"}},
		"a test payment outside of the mode": {params: []string{"paymentId", "12358132134", "sum", "20.00"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := unitpayBench(t, c.payment)
			if c.before != "" {
				b.unitpay("refundPayment", "paymentId", unitpayID, "sum", c.before)
			}
			moved := b.Moved(sandbox.UnitPay, unitpayID)
			got := b.unitpay("refundPayment", c.params...)
			code := ""
			if c.code != "" {
				code = `,"code":` + c.code
			}
			if got.status != 200 || !strings.HasPrefix(got.body, noCode) || !strings.HasSuffix(got.body, `"`+code+`}}`) {
				t.Errorf("%d %s", got.status, got.body)
			}
			if b.Moved(sandbox.UnitPay, unitpayID) != moved {
				t.Error("money moved")
			}
		})
	}
}

func TestUnitPayTakesTheSameAmountAfterHalfAnHour(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{})
	for _, step := range []struct {
		wait  time.Duration
		moved int64
	}{{0, 100_00}, {30*time.Minute - time.Second, 100_00}, {time.Second, 200_00}} {
		b.clock.Advance(step.wait)
		b.do(b.refundRequest(sandbox.UnitPay))
		if moved := b.Moved(sandbox.UnitPay, unitpayID); moved != step.moved {
			t.Errorf("after %v more: moved %d, not %d", step.wait, moved, step.moved)
		}
	}
}

func TestUnitPayTakesGETOnly(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{})
	r := b.refundRequest(sandbox.UnitPay)
	r.Method = "POST"
	if got := b.do(r); got.status != 405 || b.Moved(sandbox.UnitPay, unitpayID) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestUnitPayTestModeHasItsOwnPayments(t *testing.T) {
	b := start(t, sandbox.Options{})
	for _, c := range []struct {
		id, sum string
		good    bool
	}{{"12358132134", "20.00", true}, {"383117770", "20.00", false}, {"383117770", "1000.00", true}, {"100301", "1.00", false}} {
		got := b.unitpay("refundPayment", "paymentId", c.id, "sum", c.sum, "test", "1")
		if strings.HasPrefix(got.body, `{"result"`) != c.good {
			t.Errorf("%s of %s: %s", c.sum, c.id, got.body)
		}
	}
}

func TestUnitPayGetPaymentFallsByWhatWasRefunded(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{})
	const golden = `{"result":{"paymentId":"1234512345","status":"success","paymentType":"card","date":"2020-02-16 09:22:22",` +
		`"purse":"546946xxxxxx0236","account":"demo","projectId":135,"orderSum":"500.00","orderCurrency":"RUB",` +
		`"payerSum":"500.00","payerCurrency":"RUB","availableForRefund":"500.00","isPreauth":0,"refunds":[]}}`
	if got := b.lookup(sandbox.UnitPay); got.body != golden {
		t.Errorf("got  %s\nwant %s", got.body, golden)
	}
	if got := b.lookup(sandbox.UnitPay); !strings.Contains(got.body, `"paymentId":1234512345,`) {
		t.Errorf("the id is no number now: %s", got.body)
	}
	b.do(b.refundRequest(sandbox.UnitPay))
	if got := field[string](t, b.lookup(sandbox.UnitPay), "result", "availableForRefund"); got != "400.00" {
		t.Errorf("available %s", got)
	}
}

func TestUnitPayLookupsMayLagOrSayLittle(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{StatusLag: time.Minute})
	b.do(b.refundRequest(sandbox.UnitPay))
	available := func() string { return field[string](t, b.lookup(sandbox.UnitPay), "result", "availableForRefund") }
	if got := available(); got != "500.00" {
		t.Errorf("at once: %s", got)
	}
	b.clock.Advance(time.Minute)
	if got := available(); got != "400.00" {
		t.Errorf("a minute later: %s", got)
	}
	b.AddPayment(sandbox.Payment{Company: sandbox.UnitPay, ID: unitpayID, Minor: 500_00, NoFigures: true})
	if got := b.lookup(sandbox.UnitPay); strings.Contains(got.body, "availableForRefund") || strings.Contains(got.body, "refunds") {
		t.Errorf("an older answer: %s", got.body)
	}
}

func TestUnitPayReceipts(t *testing.T) {
	const documented = "W3sibmFtZSI6ItCl0L7RgdGC0LjQvdCzINC90LAgMSDQvNC10YHRj9GGIiwiY291bnQiOjEsInByaWNlIjoxMCwidHlwZSI6ImNvbW1vZGl0eSJ9XQ=="
	encode := func(items string) string { return base64.StdEncoding.EncodeToString([]byte(items)) }
	for name, c := range map[string]struct {
		cashItems string
		good      bool
	}{
		"the documented one":         {documented, true},
		"with all fields":            {encode(`[{"name":"a","count":2,"price":4.50,"currency":"RUB","nds":"vat20","type":"commodity","paymentMethod":"full_payment"},{"name":"b","count":1,"price":2,"sum":1.00}]`), true},
		"not base64":                 {"{}", false},
		"base64 for URLs":            {"W3sibmFtZSI6Ij8_Pz8-fj4iLCJjb3VudCI6MSwicHJpY2UiOjEwfV0=", false},
		"not an array":               {encode(`{"name":"a","count":1,"price":10}`), false},
		"no items":                   {encode(`[]`), false},
		"no name":                    {encode(`[{"count":1,"price":10}]`), false},
		"no price":                   {encode(`[{"name":"a","count":1}]`), false},
		"a price in quotes":          {encode(`[{"name":"a","count":1,"price":"10"}]`), false},
		"a name of 129 characters":   {encode(`[{"name":"` + strings.Repeat("ы", 129) + `","count":1,"price":10}]`), false},
		"a tax that isn't":           {encode(`[{"name":"a","count":1,"price":10,"nds":"vat99"}]`), false},
		"a method that isn't":        {encode(`[{"name":"a","count":1,"price":10,"paymentMethod":"cash"}]`), false},
		"another total":              {encode(`[{"name":"a","count":1,"price":9.99}]`), false},
		"101 items":                  {encode("[" + strings.Repeat(`{"name":"a","count":0,"price":0},`, 100) + `{"name":"a","count":1,"price":10}]`), false},
		"a plus that became a space": {strings.Replace(encode(`[{"name":"~~~>>>","count":1,"price":10}]`), "+", " ", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := unitpayBench(t, sandbox.Payment{})
			got := b.unitpay("refundPayment", "paymentId", unitpayID, "sum", "10.00", "cashItems", c.cashItems, "customerEmail", "a@example.com")
			receipts := b.Receipts(sandbox.UnitPay, unitpayID)
			if c.good {
				if len(receipts) != 1 || receipts[0].CustomerEmail != "a@example.com" || !strings.HasPrefix(receipts[0].Items, `[{"name":`) {
					t.Errorf("%s, %+v", got.body, receipts)
				}
				return
			}
			if !strings.HasSuffix(got.body, `"code":-32602}}`) || len(receipts) != 0 || b.Moved(sandbox.UnitPay, unitpayID) != 0 {
				t.Errorf("%s, %+v", got.body, receipts)
			}
		})
	}
}

func TestARedirectLeadsToTheSameAddress(t *testing.T) {
	b := unitpayBench(t, sandbox.Payment{})
	b.Fail(sandbox.UnitPay, unitpayID, sandbox.Fault{Kind: sandbox.Redirect})
	request := b.refundRequest(sandbox.UnitPay)
	location, err := url.Parse(b.do(request).header.Get("Location"))
	if err != nil || location.String() != request.URL.String() {
		t.Errorf("%v, not %v", location, request.URL)
	}
	b.client.CheckRedirect = nil
	b.Fail(sandbox.UnitPay, unitpayID, sandbox.Fault{Kind: sandbox.Redirect})
	b.do(b.refundRequest(sandbox.UnitPay))
	if b.Calls(sandbox.UnitPay, sandbox.OpRefund) != 3 || b.Moved(sandbox.UnitPay, unitpayID) == 0 {
		t.Error("who follows it isn't found out")
	}
}
