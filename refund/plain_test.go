package refund_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"refundworker/refund"
)

func TestRequestsAsTasksHaveThemAreReadAtOnce(t *testing.T) {
	full := refund.Request{Version: 1, RefundID: "r-1", Provider: "shop", PaymentID: "42", Amount: "100.00", Currency: "RUB", PaymentTotal: "500.00",
		Reason: "возврат товара", Metadata: map[string]string{"order": "1001", "Order": "1002"}}
	for name, tc := range map[string]struct {
		change func(*refund.Request)
		plain  bool
	}{
		"all there is":                 {func(*refund.Request) {}, true},
		"a full refund":                {func(r *refund.Request) { r.Amount, r.PaymentTotal = "", "" }, true},
		"nothing that may be left out": {func(r *refund.Request) { *r = refund.Request{Provider: "shop", PaymentID: "42", Currency: "RUB"} }, true},
		"an escape: by the strict way": {func(r *refund.Request) { r.Reason = `the "wrong" size` }, false},
		"a receipt: by the strict way": {func(r *refund.Request) {
			r.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "x", Count: "1", Price: "1"}}}
		}, false},
		"bad UTF-8: by the strict way":  {func(r *refund.Request) { r.Metadata["a"] = "\xff" }, false},
		"version 10: by the strict way": {func(r *refund.Request) { r.Version = 10 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := full
			r.Metadata = map[string]string{}
			for k, v := range full.Metadata {
				r.Metadata[k] = v
			}
			tc.change(&r)
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := refund.ReadPlain(string(text))
			if ok != tc.plain || ok && !reflect.DeepEqual(got, r) {
				t.Errorf("%s: %v, %+v", text, ok, got)
			}
		})
	}
}

// FuzzReadPlain holds what is read at once against the strict way.
func FuzzReadPlain(f *testing.F) {
	for _, text := range []string{
		`{"version":1,"refund_id":"r-1","provider":"shop","payment_id":"1","amount":"1.50","currency":"RUB","payment_total":"2","reason":"возврат","metadata":{"a":"b","A":"c"}}`,
		`{"provider":"shop"}`, `{"version":1}`, `{}`, `{"version":01}`, `{"version":1,}`, `{"amount":"1","amount":"2"}`, `{"amount":null}`, `{"provider":"a","version":1}`,
		`{"metadata":{"a":"1","a":"2"}}`, `{"metadata":{}}`, `{"metadata":{"a":"1",}}`, `{"metadata":{"a":1}}`, `{"metadata":{"a":"1"}`, `{"metadata":null}`, `{"metadata":}}`, `{"reason":"\u0061"}`,
		"{\"reason\":\"\x7f\u2028\"}", "{\"reason\":\"\xff\"}", "{\"reason\":\"\n\"}", `{"reason":"a"} `, `{"reason":"a"}{}`, `{"reason":"a"`, `{"Reason":"a"}`, `{"reason" :"a"}`, `,"reason":"a"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := refund.ReadPlain(string(text))
		if !ok {
			return
		}
		if want, err := refund.ReadStrictly(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %+v, strictly as %+v, %v", text, got, want, err)
		}
	})
}
