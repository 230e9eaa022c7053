package config

import "refundworker/refund"

// Limits are what is refunded without anybody's approval. Beyond them a refund
// waits in review until a person other than the one who asked for it approves.
// The zero Limits are none. A limit of 0 lets nothing pass.
type Limits struct {
	Currency        refund.Currency // of the amounts; a refund in another one is beyond them. Empty: they hold for each currency by itself
	PerRefund       *refund.Ceiling // nil: no limit
	PerDay          *refund.Ceiling // of what goes out on one day (UTC) that nobody approved; nil: no limit
	PerPaymentCount *int            // refunds of one payment that are not declined or canceled; nil: no limit
}

// Foreign reports whether refunds in a currency can't be held to the amounts.
func (l Limits) Foreign(c refund.Currency) bool { return l.Currency != "" && c != l.Currency }

func limits(b *block) Limits {
	var l Limits
	l.Currency = b.currency("currency")
	l.PerRefund = b.amount("per_refund", l.Currency)
	l.PerDay = b.amount("per_day", l.Currency)
	if _, there := b.take("per_payment_count"); there {
		n := b.integer("per_payment_count", 0, 0, 1000)
		l.PerPaymentCount = &n
	}
	_, perRefund := b.nodes["per_refund"]
	_, perDay := b.nodes["per_day"]
	_, currency := b.nodes["currency"]
	switch {
	case currency && !perRefund && !perDay:
		b.d.fault(b.lineOf("currency"), b.join("currency"), "is that of per_refund and per_day, and neither is there; add one, or remove it")
	case l.PerRefund != nil && l.PerDay != nil && l.PerDay.Less(*l.PerRefund):
		b.d.fault(b.lineOf("per_day"), b.join("per_day"), "must be at least per_refund (%s); it is %s", l.PerRefund, l.PerDay)
	}
	b.done()
	return l
}

// currency takes an ISO 4217 code; empty where it is absent or wrong.
func (b *block) currency(key string) refund.Currency {
	v, ok := b.text(key)
	if !ok || v.bad {
		return ""
	}
	c := refund.Currency(v.text)
	if _, known := c.Exponent(); !known {
		v.faultQuoted("must be an ISO 4217 code in capitals, such as RUB")
		return ""
	}
	return c
}

// amount takes an amount as it is written, digit by digit: it is never a float.
// nil where it is absent or wrong. With a currency it must fit that one.
func (b *block) amount(key string, c refund.Currency) *refund.Ceiling {
	v, ok := b.text(key)
	if !ok || v.bad {
		return nil
	}
	amount, err := refund.ParseCeiling(v.text)
	if c == "" {
		if err != nil {
			v.faultQuoted("must be an amount in major units, such as \"10000.00\", with no more decimals than a currency has and at most %d", refund.MaxMinor)
			return nil
		}
		return &amount
	}
	if _, err := refund.ParseMoney(v.text, c); err != nil {
		v.faultQuoted("must be an amount in major units of %s, such as \"10000.00\", with no more decimals than it has and at most %s",
			c, refund.Money{Minor: refund.MaxMinor, Currency: c})
		return nil
	}
	return &amount
}
