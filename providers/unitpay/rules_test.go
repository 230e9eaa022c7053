package unitpay_test

import (
	"strings"
	"testing"

	"refundworker/providers/unitpay"
	"refundworker/refund"
)

func TestPaymentIDsHaveOneForm(t *testing.T) {
	for id, want := range map[string]string{"1234512345": "1234512345", "007": "7", "12345678901234567890": "12345678901234567890"} {
		if got, err := (unitpay.Driver{}).CanonicalPayment(id); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %s", id, got, err, want)
		}
	}
	for _, id := range []string{"", "0", "000", "12a", "-1", "1.0", " 1", "٣", "123456789012345678901"} {
		if got, err := (unitpay.Driver{}).CanonicalPayment(id); err == nil {
			t.Errorf("%q came through as %q", id, got)
		}
	}
}

func TestReceiptsAreCheckedBeforeTheyAreTakenIn(t *testing.T) {
	good := refund.Item{Name: "tea", Count: "1", Price: "10"}
	with := func(change func(*refund.Item)) *refund.Receipt {
		item := good
		change(&item)
		return &refund.Receipt{Items: []refund.Item{item}}
	}
	many := func(n int) *refund.Receipt {
		r := &refund.Receipt{}
		for range n {
			r.Items = append(r.Items, good)
		}
		return r
	}
	for _, tc := range []struct {
		name    string
		receipt *refund.Receipt
		field   string // at fault; empty for none
	}{
		{"none", nil, ""},
		{"good", many(1), ""},
		{"100 items", many(100), ""},
		{"no items", many(0), "receipt.items"},
		{"101 items", many(101), "receipt.items"},
		{"no name", with(func(i *refund.Item) { i.Name = " " }), "receipt.items[0].name"},
		{"name of 128 characters", with(func(i *refund.Item) { i.Name = strings.Repeat("ж", 128) }), ""},
		{"name of 129 characters", with(func(i *refund.Item) { i.Name = strings.Repeat("ж", 129) }), "receipt.items[0].name"},
		{"control character", with(func(i *refund.Item) { i.Name = "a\x00" }), "receipt.items[0].name"},
		{"no count", with(func(i *refund.Item) { i.Count = "" }), "receipt.items[0].count"},
		{"count zero", with(func(i *refund.Item) { i.Count = "0.00" }), "receipt.items[0].count"},
		{"no price", with(func(i *refund.Item) { i.Price = "" }), "receipt.items[0].price"},
		{"price no number", with(func(i *refund.Item) { i.Price = "1e3" }), "receipt.items[0].price"},
		{"sum negative", with(func(i *refund.Item) { i.Sum = "-1" }), "receipt.items[0].sum"},
		{"currency in words", with(func(i *refund.Item) { i.Currency = "rubles" }), "receipt.items[0].currency"},
		{"known rate", with(func(i *refund.Item) { i.Nds = "vat122" }), ""},
		{"unknown rate", with(func(i *refund.Item) { i.Nds = "vat18" }), "receipt.items[0].nds"},
		{"unknown method", with(func(i *refund.Item) { i.PaymentMethod = "credit" }), "receipt.items[0].paymentMethod"},
		{"email", &refund.Receipt{Items: many(1).Items, CustomerEmail: "nobody"}, "receipt.customer_email"},
		{"phone", &refund.Receipt{Items: many(1).Items, CustomerPhone: strings.Repeat("1", 33)}, "receipt.customer_phone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := unitpay.Driver{}.CheckOrder(refund.Order{Amount: refund.Money{Minor: 100, Currency: "RUB"}, Receipt: tc.receipt})
			if tc.field == "" && v != nil {
				t.Errorf("faults: %v", v)
			}
			if tc.field != "" && (len(v) != 1 || v[0].Field != tc.field) {
				t.Errorf("faults %v, want one of %s", v, tc.field)
			}
		})
	}
}

func TestCurrenciesNeedAtMostTwoDecimals(t *testing.T) {
	for currency, faults := range map[refund.Currency]int{"RUB": 0, "JPY": 0, "KWD": 1} {
		if v := (unitpay.Driver{}).CheckOrder(refund.Order{Amount: refund.Money{Minor: 100, Currency: currency}}); len(v) != faults {
			t.Errorf("%s: %v, want %d faults", currency, v, faults)
		}
	}
}
