package sandbox

import (
	"net/url"
	"strconv"
	"time"

	"refundworker/refund"
)

// sberbankOrder is getOrderStatusExtended's answer, as far as it is of use.
type sberbankOrder struct {
	ErrorCode    any            `json:"errorCode"`
	ErrorMessage string         `json:"errorMessage"`
	OrderNumber  string         `json:"orderNumber"`
	OrderStatus  int            `json:"orderStatus"`
	Amount       int64          `json:"amount"`
	Currency     any            `json:"currency"` // ISO 4217's number, as a string or a number
	Money        *paymentAmount `json:"paymentAmountInfo,omitempty"`
	Loyalty      *loyalty       `json:"loyaltyInfo,omitempty"`
	Refunds      any            `json:"refunds,omitempty"` // an array, one object, or absent
}

type paymentAmount struct {
	State     string `json:"paymentState"`
	Approved  int64  `json:"approvedAmount"`
	Deposited int64  `json:"depositedAmount"` // what is left
	Refunded  int64  `json:"refundedAmount"`
}

type loyalty struct {
	Bonus paymentBonus `json:"paymentBonus"`
}

type paymentBonus struct {
	Approved  int64 `json:"approvedAmountBonus"`
	Deposited int64 `json:"depositedAmountBonus"`
	Refunded  int64 `json:"refundedAmountBonus"`
}

type orderRefund struct {
	Amount int64  `json:"amount"`
	Date   string `json:"date"`
}

func (b *sberbank) orderStatus(params url.Values) reply {
	r := b.s.ledger.find(Sberbank, params.Get("orderId"))
	switch {
	case params.Get("orderId") == "":
		return b.error("5", "Не указан номер заказа")
	case r == nil:
		return b.error("6", "Заказ с таким номером не найден")
	case r.NoLookup:
		b.turn++
		return lookupGone(b.turn)
	}
	until := b.s.options.Now().Add(-r.StatusLag)
	money, points := b.figures(r, LegMoney, until), b.figures(r, LegPoints, until)
	order := sberbankOrder{
		ErrorCode: b.waver("0"), ErrorMessage: "Успешно", OrderNumber: "sandbox-" + clip(r.ID), Amount: r.Minor,
		OrderStatus: b.statusOf(r, money.refunded+points.refunded),
		Currency:    b.waver(refund.Currency(r.Currency).Numeric()),
	}
	if !r.NoFigures {
		state := "DEPOSITED"
		if money.refunded > 0 {
			state = "REFUNDED"
		}
		order.Money = &paymentAmount{state, money.approved, money.deposited, money.refunded}
		if r.PointsMinor > 0 {
			order.Loyalty = &loyalty{paymentBonus{points.approved, points.deposited, points.refunded}}
		}
		order.Refunds = b.refunds(r, until)
	}
	return b.answer(order)
}

// statusOf is the order's number: 4 once anything was refunded, else 2.
func (b *sberbank) statusOf(r *record, refunded int64) int {
	if status, err := strconv.Atoi(r.Status); err == nil && refunded == 0 {
		return status
	}
	if refunded > 0 {
		return 4
	}
	return 2
}

func (b *sberbank) refunds(r *record, until time.Time) any {
	list := []orderRefund{}
	for _, m := range r.movements {
		if !m.At.After(until) {
			list = append(list, orderRefund{m.Minor, m.At.UTC().Format("2006-01-02T15:04:05")})
		}
	}
	switch {
	case len(list) == 1 && b.turn%3 == 1:
		return list[0]
	case b.turn%3 == 2:
		return nil
	}
	return list
}
