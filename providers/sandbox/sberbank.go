package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// sberbank speaks the RBS gateway's REST protocol. Amounts are in minor units.
type sberbank struct {
	s    *Server
	turn int   // what wavers goes by it
	last int64 // the latest pcId
}

func (b *sberbank) name() string { return Sberbank }

func (b *sberbank) refusal(why refusal) reply {
	switch why {
	case refusedCredentials:
		return b.error("5", "Доступ запрещён")
	case refusedForGood:
		return b.error("6", "Неверный номер заказа")
	case refusedInternal:
		return b.error("7", "Системная ошибка")
	}
	return b.error("7", "Возврат невозможен")
}

func (b *sberbank) error(code, message string) reply {
	return b.answer(struct {
		Code    any    `json:"errorCode"`
		Message string `json:"errorMessage"`
	}{b.waver(code), message})
}

// answer is JSON with HTTP 200, and with a Content-Type that wavers. It begins
// the next turn.
func (b *sberbank) answer(v any) reply {
	answer := jsonReply(http.StatusOK, v)
	if b.turn%2 == 1 {
		answer.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	b.turn++
	return answer
}

// waver gives a whole number as a string and as a number in turn.
func (b *sberbank) waver(number string) any {
	if b.turn%2 == 0 {
		return number
	}
	return json.Number(number)
}

var sberbankAmount = regexp.MustCompile(`^[0-9]{1,20}$`)

func (b *sberbank) read(r *http.Request, body []byte) call {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		posted, _ := url.ParseQuery(string(body)) // what can't be read is missing
		for name, values := range posted {
			params[name] = append(values, params[name]...)
		}
	}
	c := call{operation: OpOther, payment: params.Get("orderId")}
	refuse := func(answer reply) call {
		c.refused = &answer
		return c
	}
	switch r.URL.Path {
	case "/autoRefund.do":
		c.operation = OpRefund
		c.work = func(number int64, f Fault) reply { return b.autoRefund(params, number, f) }
	case "/getOrderStatusExtended.do":
		c.operation = OpStatus
		c.work = func(int64, Fault) reply { return b.orderStatus(params) }
	default:
		return refuse(newReply(http.StatusNotFound, "text/html", nil))
	}
	want := b.s.credentials
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return refuse(newReply(http.StatusMethodNotAllowed, "text/html", nil))
	case params.Get("userName") != want.SberbankUser || params.Get("password") != want.SberbankPassword:
		return refuse(b.refusal(refusedCredentials))
	}
	return c
}

// operation is one leg of an answer, in the order of the documentation's sample.
type operation struct {
	ID          any    `json:"pcId"`       // number or string
	Operation   string `json:"operation"`  // REFUND_PAYMENT or REFUND_AWARD
	Amount      any    `json:"amount"`     // number or string
	Successful  any    `json:"successful"` // boolean or string
	Transaction string `json:"transactionId"`
}

func (b *sberbank) autoRefund(params url.Values, number int64, f Fault) reply {
	asked := params.Get("compositeRefundAmount")
	language := params.Get("language")
	switch {
	case params.Get("orderId") == "":
		return b.error("5", "Не указан номер заказа")
	case asked == "" || language != "" && len(language) != 2:
		return b.error("4", "Отсутствует обязательный параметр")
	case !sberbankAmount.MatchString(asked):
		return b.error("1", "compositeRefundAmount is not a number")
	}
	minor, err := strconv.ParseInt(asked, 10, 64)
	r := b.s.ledger.find(Sberbank, params.Get("orderId"))
	switch {
	case err == nil && minor == 0:
		return b.error("5", "Неверная сумма")
	case r == nil:
		return b.error("6", "Неверный номер заказа")
	case r.Status != "" && r.Status != "2" && r.Status != "4":
		return b.error("7", "Платёж не в том состоянии")
	case err != nil || minor > r.left(): // more digits than any amount has
		return b.error("7", "Сумма возврата превышает сумму списания")
	}
	money, points := r.split(minor)
	var operations []operation
	if money > 0 {
		moved := f.Kind != PartialOutcome || points > 0
		operations = append(operations, b.leg(r, LegMoney, money, moved, number))
	}
	if points > 0 {
		operations = append(operations, b.leg(r, LegPoints, points, f.Kind != PartialOutcome, number))
	}
	return b.answer(b.withCode(operations))
}

// leg moves one leg of a refund, or fails to, and says so.
func (b *sberbank) leg(r *record, leg string, minor int64, moves bool, number int64) operation {
	name := map[string]string{LegMoney: "REFUND_PAYMENT", LegPoints: "REFUND_AWARD"}[leg]
	b.last++
	o := operation{
		ID: b.last + 2699143, Operation: name, Amount: minor, Successful: moves,
		Transaction: strconv.FormatInt(b.last+1651, 10),
	}
	if b.turn&1 != 0 {
		o.ID = strconv.FormatInt(b.last+2699143, 10)
	}
	if b.turn&2 != 0 {
		o.Successful = strconv.FormatBool(moves)
	}
	if b.turn&4 != 0 {
		o.Amount = strconv.FormatInt(minor, 10)
	}
	if moves {
		r.move(b.s.options.Now(), leg, minor, number)
	}
	return o
}

// withCode adds success in one of its spellings.
func (b *sberbank) withCode(operations []operation) any {
	switch b.turn % 4 {
	case 0:
		return struct {
			Operations []operation `json:"operations"`
			Code       string      `json:"errorCode"`
		}{operations, "0"}
	case 1:
		return struct {
			Operations []operation `json:"operations"`
			Code       int         `json:"errorCode"`
		}{operations, 0}
	case 2:
		return struct {
			Operations []operation `json:"operations"`
		}{operations}
	}
	return struct {
		Operations []operation `json:"operations"`
		Code       string      `json:"ErrorCode"`
	}{operations, "0"}
}

// orderFigures are the money or the points of an order, in minor units.
type orderFigures struct{ approved, deposited, refunded int64 }

func (b *sberbank) figures(r *record, leg string, until time.Time) orderFigures {
	total := r.PointsMinor
	if leg == LegMoney {
		total = r.Minor - r.PointsMinor
	}
	refunded := r.movedLeg(leg, until)
	return orderFigures{total, total - refunded, refunded}
}
