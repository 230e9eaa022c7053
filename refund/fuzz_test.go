package refund_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"refundworker/refund"
)

// FuzzMoney holds two amounts against exact fractions: what is taken is the
// value that was written, comes back as it went, and keeps the order.
func FuzzMoney(f *testing.F) {
	f.Add("100.00", "100", "RUB")
	f.Fuzz(func(t *testing.T, a, b, currency string) {
		c := refund.Currency(currency)
		m, err := refund.ParseMoney(a, c)
		if err != nil {
			if m != (refund.Money{}) {
				t.Errorf("%v beside an error", m)
			}
			return
		}
		exact := value(t, a)
		if m.Minor < 0 || m.Minor > refund.MaxMinor || exact.Cmp(m.Decimal().Rat()) != 0 {
			t.Errorf("%q %s became %d", a, c, m.Minor)
		}
		if again, err := refund.ParseMoney(m.String(), c); err != nil || again != m {
			t.Errorf("%q %s prints as %s, which is %v, %v", a, c, m, again, err)
		}
		// As the drivers put it into JSON: a number with the digits as they are.
		wire, err := json.Marshal(json.Number(m.String()))
		if err != nil || value(t, string(wire)).Cmp(exact) != 0 {
			t.Errorf("%q %s is %s in JSON, %v", a, c, wire, err)
		}
		if n, err := refund.ParseMoney(b, c); err == nil && exact.Cmp(value(t, b)) != big.NewInt(m.Minor).Cmp(big.NewInt(n.Minor)) {
			t.Errorf("%q and %q stand in another order as %d and %d", a, b, m.Minor, n.Minor)
		}
	})
}

// FuzzMoneyString holds what an amount is written as against exact decimals.
func FuzzMoneyString(f *testing.F) {
	for _, minor := range []int64{0, 1, -1, 9, 99, 100, -100, 12345, math.MaxInt64, math.MinInt64} {
		for _, currency := range []string{"RUB", "JPY", "KWD", "CLF", "none"} {
			f.Add(minor, currency)
		}
	}
	f.Fuzz(func(t *testing.T, minor int64, currency string) {
		m := refund.Money{Minor: minor, Currency: refund.Currency(currency)}
		exponent, _ := m.Currency.Exponent()
		if got, want := m.String(), m.Decimal().StringFixed(exponent); got != want {
			t.Errorf("%d %s is written as %s, want %s", minor, currency, got, want)
		}
	})
}

// FuzzValidID holds ids against their rule as it is written in the contract.
func FuzzValidID(f *testing.F) {
	rule := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	for _, id := range []string{"", "r-1", "A.z_9-0", "a b", "a\n", "\n", "é", "a/b", "a:b", "@", "[", "`", "{", strings.Repeat("a", 64), strings.Repeat("a", 65)} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if refund.ValidID(id) != rule.MatchString(id) {
			t.Errorf("%q: valid %t", id, refund.ValidID(id))
		}
	})
}

func value(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q was taken and is no number", s)
	}
	return r
}

// FuzzCheck looks for requests whose canonical form is not its own canonical
// form, so that one refund could have two digests.
func FuzzCheck(f *testing.F) {
	f.Add("r-1", "shop", "00042", "100.0", "rub", "500", "returned", "order", "7")
	f.Fuzz(func(t *testing.T, id, provider, payment, amount, currency, total, reason, key, val string) {
		r := refund.Request{RefundID: id, Provider: provider, PaymentID: payment, Amount: amount, Currency: currency,
			PaymentTotal: total, Reason: reason, Metadata: map[string]string{key: val}}
		o, err := r.Check(digits{})
		if err != nil {
			var faults refund.Invalid
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Errorf("%v is of type %T", err, err)
			}
			return
		}
		if o.Full != (o.Amount.Minor == 0) || o.Amount.Minor < 0 || o.Total.Minor != 0 && o.Amount.Minor > o.Total.Minor {
			t.Errorf("%+v from %+v", o, r)
		}
		canonical := r
		canonical.PaymentID, canonical.Currency = o.PaymentID, string(o.Amount.Currency)
		if !o.Full {
			canonical.Amount = o.Amount.String()
		}
		if o.Total.Minor != 0 {
			canonical.PaymentTotal = o.Total.String()
		}
		again, err := canonical.Check(digits{})
		if err != nil {
			t.Fatalf("%+v is canonical, and refused: %v", canonical, err)
		}
		if again.Digest() != o.Digest() {
			t.Errorf("%+v has another digest than %+v", canonical, r)
		}
		again.Asked = o.Asked // as it was written
		if !reflect.DeepEqual(again, o) {
			t.Errorf("%+v has the canonical form %+v, which has %+v", r, o, again)
		}
		// Whatever else the content is, it is another refund.
		other := o
		if other.Full = !o.Full; other.Full {
			other.Amount.Minor = 0
		} else {
			other.Amount.Minor = 1
		}
		if other.Digest() == o.Digest() {
			t.Errorf("full or not, %+v has one digest", o)
		}
	})
}

// FuzzDecodeRequest looks for JSON that is taken and is not read as it is
// written, and for refusals that say nothing or too much.
func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"version":1,"refund_id":"r-1","provider":"shop","payment_id":"1","amount":"1.50","currency":"RUB","metadata":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := refund.DecodeRequest(text)
		if err != nil {
			explained(t, err)
			return
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r.Receipt != nil {
			for _, it := range r.Receipt.Items {
				if it.Count == "" || it.Price == "" {
					return // no driver takes it, so it is never written again
				}
			}
		}
		again, err := refund.DecodeRequest(b)
		if len(b) > refund.MaxRequest {
			return // escapes made it longer
		}
		if err != nil {
			t.Fatalf("%s was taken, and comes out as %s, which is refused: %v", text, b, err)
		}
		if rewritten, err := json.Marshal(again); err != nil || string(rewritten) != string(b) {
			t.Errorf("%s comes back as %s, %v", b, rewritten, err)
		}
	})
}

// FuzzDecodeReceipt looks for receipts whose figures change on the way.
func FuzzDecodeReceipt(f *testing.F) {
	f.Add([]byte(`{"items":[{"name":"Tea","count":2,"price":"50.00","sum":100.00}],"customer_email":"a@b"}`))
	f.Add([]byte(`[{"name":"Tea","count":"1","price":"50"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := refund.DecodeReceipt(text)
		if err != nil {
			explained(t, err)
			return
		}
		for _, it := range r.Items {
			for _, d := range []refund.Decimal{it.Count, it.Price, it.Sum} {
				if d != "" && (value(t, string(d)).Sign() < 0 || len(d) > 20) {
					t.Errorf("%q was taken", d)
				}
			}
		}
	})
}

func explained(t *testing.T, err error) {
	t.Helper()
	var faults refund.Invalid
	if !errors.As(err, &faults) || len(faults) == 0 || faults[0].Rule == "" {
		t.Errorf("%v (%T) names no fault", err, err)
	}
	if n := len(err.Error()); n > 1000 {
		t.Errorf("an error of %d bytes", n)
	}
}
