package batch_test

import (
	"testing"

	"refundworker/batch"
	"refundworker/providers/unitpay"
	"refundworker/refund"
)

func order(t *testing.T, change func(*refund.Request)) refund.Order {
	t.Helper()
	r := refund.Request{Provider: "u", PaymentID: "1", Amount: "100.00", Currency: "RUB"}
	change(&r)
	o, err := r.Check(unitpay.Driver{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func name(t *testing.T, n *batch.Naming, o refund.Order) string {
	t.Helper()
	id, err := n.ID(o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIDsOfRowsAreWhatTheyAlwaysWere(t *testing.T) {
	var n batch.Naming
	plain := order(t, func(*refund.Request) {})
	full := order(t, func(r *refund.Request) { r.Amount, r.PaymentTotal = "", "500" })
	// Files were loaded under these, so they must never change.
	for want, got := range map[string]string{
		"b-c86926c7751e1cb8380e27c68a2c7fdb": name(t, &n, plain),
		"b-69484feadcb6ac7abef91d5a2b4ddedb": name(t, &n, plain),
		"b-d73404772f3c2f96ebdb68b31968de2b": name(t, &batch.Naming{BatchID: "x"}, full),
	} {
		if got != want || !refund.ValidID(got) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSameRowsHaveTheSameID(t *testing.T) {
	first := func(change func(*refund.Request)) string {
		return name(t, &batch.Naming{}, order(t, change))
	}
	plain := first(func(*refund.Request) {})
	for name, change := range map[string]func(*refund.Request){
		"in another spelling of the amount":   func(r *refund.Request) { r.Amount = "100" },
		"in another spelling of the payment":  func(r *refund.Request) { r.PaymentID = "0001" },
		"in another spelling of the currency": func(r *refund.Request) { r.Currency = "rub" },
		"with another reason":                 func(r *refund.Request) { r.Reason = "mended" },
		"with metadata":                       func(r *refund.Request) { r.Metadata = map[string]string{"a": "b"} },
		"with a receipt": func(r *refund.Request) {
			r.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "tea", Count: "1", Price: "100.00"}}}
		},
	} {
		if got := first(change); got != plain {
			t.Errorf("%s: got %s, want %s", name, got, plain)
		}
	}
	for name, change := range map[string]func(*refund.Request){
		"another amount":   func(r *refund.Request) { r.Amount = "100.01" },
		"a full refund":    func(r *refund.Request) { r.Amount = "" },
		"another payment":  func(r *refund.Request) { r.PaymentID = "2" },
		"another currency": func(r *refund.Request) { r.Currency = "EUR" },
		"another provider": func(r *refund.Request) { r.Provider = "v" },
		"a total":          func(r *refund.Request) { r.PaymentTotal = "500" },
	} {
		if got := first(change); got == plain {
			t.Errorf("%s has the same id", name)
		}
	}
	if got := name(t, &batch.Naming{BatchID: "x"}, order(t, func(*refund.Request) {})); got == plain {
		t.Error("another batch id gives the same id")
	}
}

func TestIDsDoNotDependOnTheOrderOfRows(t *testing.T) {
	rows := []refund.Order{}
	for _, amount := range []string{"1", "2", "1", "3", "1"} {
		rows = append(rows, order(t, func(r *refund.Request) { r.Amount = amount }))
	}
	var there, back batch.Naming
	ids := map[string]bool{}
	for _, o := range rows {
		ids[name(t, &there, o)] = true
	}
	if len(ids) != len(rows) {
		t.Fatalf("%d rows have %d ids", len(rows), len(ids))
	}
	for i := range rows {
		if id := name(t, &back, rows[len(rows)-1-i]); !ids[id] {
			t.Errorf("%s is new when the rows are turned round", id)
		}
	}
}
