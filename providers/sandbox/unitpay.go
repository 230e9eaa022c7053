package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"refundworker/refund"
)

// unitpay speaks https://unitpay.ru/api: GET only, errors with HTTP 200.
type unitpay struct {
	s    *Server
	turn int // what wavers goes by it
}

// unitpayTestPayments are the ones that UnitPay documents for test mode.
var unitpayTestPayments = []Payment{
	{Company: UnitPay, ID: "12358132134", Minor: 5000_00, Test: true},
	{Company: UnitPay, ID: "383117770", Minor: 1000_00, Test: true, NoPartial: true},
	{Company: UnitPay, ID: "100301", Minor: 100_00, Test: true, Status: "wait"},
	{Company: UnitPay, ID: "100303", Minor: 100_00, Test: true},
	{Company: UnitPay, ID: "100304", Minor: 100_00, Test: true, Status: "error"},
}

// UnitPay's documented error codes. Other refusals come without one.
const (
	unitpayAuthorization = -32000
	unitpayParameters    = -32602
	unitpayInternal      = -32603
	unitpayNoCode        = 0
)

func (u *unitpay) name() string { return UnitPay }

func (u *unitpay) refusal(why refusal) reply {
	switch why {
	case refusedCredentials:
		return u.error(unitpayAuthorization, "Invalid secret key")
	case refusedForGood:
		return u.error(unitpayParameters, "Invalid request parameters")
	case refusedInternal:
		return u.error(unitpayInternal, "Internal error")
	}
	return u.error(unitpayNoCode, "Возврат невозможен")
}

func (u *unitpay) error(code int, message string) reply {
	type fault struct {
		Message string `json:"message"`
		Code    int    `json:"code,omitempty"`
	}
	return u.json(struct {
		Error fault `json:"error"`
	}{fault{message, code}})
}

func (u *unitpay) json(v any) reply { return jsonReply(http.StatusOK, v) }

// jsonReply encodes values that always can be.
func jsonReply(status int, v any) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sandbox: " + err.Error())
	}
	return newReply(status, "application/json; charset=utf-8", bytes.TrimRight(b.Bytes(), "\n"))
}

// unitpayParams finds a parameter in either encoding: params[name] or name.
type unitpayParams url.Values

func (p unitpayParams) lookup(name string) (string, bool) {
	for _, key := range []string{"params[" + name + "]", name} {
		if values, ok := p[key]; ok && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

func (p unitpayParams) get(name string) string {
	value, _ := p.lookup(name)
	return value
}

var unitpayID = regexp.MustCompile(`^[0-9]{1,19}$`)

func (u *unitpay) read(r *http.Request, _ []byte) call {
	query := r.URL.Query()
	params := unitpayParams(query)
	c := call{operation: OpOther, payment: params.get("paymentId")}
	switch query.Get("method") {
	case "refundPayment":
		c.operation = OpRefund
		c.work = func(number int64, _ Fault) reply { return u.refund(params, number) }
	case "getPayment":
		c.operation = OpStatus
		c.work = func(int64, Fault) reply { return u.getPayment(params) }
	}
	refuse := func(answer reply) call {
		c.refused = &answer
		return c
	}
	switch {
	case r.Method != http.MethodGet:
		return refuse(newReply(http.StatusMethodNotAllowed, "text/html", nil))
	case params.get("secretKey") != u.s.credentials.UnitPaySecret:
		return refuse(u.refusal(refusedCredentials))
	case c.operation == OpOther, !unitpayID.MatchString(c.payment):
		return refuse(u.refusal(refusedForGood))
	}
	return c
}

// find returns the payment as this call may see it: test payments in test mode
// only, and others outside of it only.
func (u *unitpay) find(params unitpayParams) *record {
	r := u.s.ledger.find(UnitPay, params.get("paymentId"))
	if r == nil || r.Test != (params.get("test") == "1") {
		return nil
	}
	return r
}

func (u *unitpay) refund(params unitpayParams, number int64) reply {
	r := u.find(params)
	if r == nil {
		return u.error(unitpayNoCode, "Платёж не найден")
	}
	sum, partial := params.lookup("sum")
	amount := r.left()
	if partial {
		m, err := refund.ParseMoney(sum, refund.Currency(r.Currency))
		if err != nil || m.Minor == 0 {
			return u.refusal(refusedForGood)
		}
		amount = m.Minor
	}
	receipt, err := readCashItems(params, amount)
	if err != nil {
		return u.error(unitpayParameters, err.Error())
	}
	now := u.s.options.Now()
	switch {
	case r.Status != "" && r.Status != "success":
		return u.error(unitpayNoCode, "Платёж нельзя вернуть")
	case amount > r.left() || r.left() == 0:
		return u.error(unitpayNoCode, "Сумма возврата больше доступной")
	case r.OneRefund && len(r.movements) > 0:
		return u.error(unitpayNoCode, "Возврат по платежу уже выполнен")
	case r.NoPartial && amount < r.Minor:
		return u.error(unitpayNoCode, "Частичный возврат не поддерживается")
	case u.paidLately(r, amount, now):
		return u.error(unitpayNoCode, "Возврат на эту сумму уже выполнялся, попробуйте через полчаса")
	}
	r.move(now, LegMoney, amount, number)
	if receipt != nil {
		receipt.Request = number
		r.receipts = append(r.receipts, *receipt)
	}
	u.turn++
	message := "Возврат успешно произведен"
	if u.turn%2 == 0 {
		message = "The refund was successful"
	}
	return u.json(map[string]any{"result": map[string]string{"message": message}})
}

// paidLately is UnitPay's only protection against a repeat: the same amount of
// the same payment within half an hour.
func (u *unitpay) paidLately(r *record, amount int64, now time.Time) bool {
	for _, m := range r.movements {
		if m.Minor == amount && now.Sub(m.At) < u.s.options.SameAmountWindow {
			return true
		}
	}
	return false
}

// unitpayPayment is getPayment's result, in the order of the documentation.
type unitpayPayment struct {
	PaymentID          any     `json:"paymentId"` // a number or a string, in turn
	Status             string  `json:"status"`
	PaymentType        string  `json:"paymentType"`
	Date               string  `json:"date"`
	Purse              string  `json:"purse"`
	Account            string  `json:"account"`
	ProjectID          int     `json:"projectId"`
	OrderSum           string  `json:"orderSum"`
	OrderCurrency      string  `json:"orderCurrency"`
	PayerSum           string  `json:"payerSum"`
	PayerCurrency      string  `json:"payerCurrency"`
	AvailableForRefund *string `json:"availableForRefund,omitempty"`
	IsPreauth          int     `json:"isPreauth"`
	Refunds            *[]any  `json:"refunds,omitempty"` // the shape of an element is not documented
}

func (u *unitpay) getPayment(params unitpayParams) reply {
	r := u.find(params)
	if r == nil {
		return u.error(unitpayNoCode, "Платёж не найден")
	}
	u.turn++
	if r.NoLookup {
		return lookupGone(u.turn)
	}
	shown := r.moved(u.s.options.Now().Add(-r.StatusLag))
	answer := unitpayPayment{
		PaymentID: r.ID, Status: r.Status, PaymentType: "card", Date: "2020-02-16 09:22:22",
		Purse: "546946xxxxxx0236", Account: "demo", ProjectID: 135,
		OrderSum: r.amount(r.Minor), OrderCurrency: r.Currency, PayerSum: r.amount(r.Minor), PayerCurrency: r.Currency,
	}
	if u.turn%2 == 0 {
		answer.PaymentID = json.Number(r.ID)
	}
	switch {
	case answer.Status != "":
	case shown == r.Minor:
		answer.Status = "refund"
	default:
		answer.Status = "success"
	}
	if !r.NoFigures {
		available := "0.00"
		if answer.Status == "success" {
			available = r.amount(r.Minor - shown)
		}
		answer.AvailableForRefund, answer.Refunds = &available, &[]any{}
	}
	return u.json(map[string]any{"result": answer})
}

// lookupGone is the answer of a gateway that doesn't have a lookup, in one of
// the two ways seen.
func lookupGone(turn int) reply {
	status := http.StatusNotFound
	if turn%2 == 0 {
		status = http.StatusMethodNotAllowed
	}
	return newReply(status, "text/html", []byte("<html><body>"+strconv.Itoa(status)+"</body></html>\n"))
}

// trailingComma gives the answer as UnitPay's documentation prints it.
func trailingComma(d delivery) reply {
	body := string(d.answer.body)
	if strings.HasPrefix(body, `{"result"`) {
		d.answer.body = []byte(strings.TrimSuffix(body, "}}") + ",}}")
	}
	return d.answer
}
