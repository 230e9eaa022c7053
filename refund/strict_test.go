package refund_test

import (
	"errors"
	"strings"
	"testing"

	"refundworker/refund"
)

const plain = `"provider":"shop","payment_id":"1","currency":"RUB"`

func TestRequestsThatCouldBeReadInTwoWaysAreRefused(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, tc := range map[string]struct {
		json string
		want string // in the error; empty: taken
	}{
		"plain: taken":                            {`{` + plain + `,"amount":"1"}`, ""},
		"two amounts: refused":                    {`{` + plain + `,"amount":"1","amount":"100"}`, "amount: comes twice"},
		"one amount twice: refused":               {`{` + plain + `,"amount":"1","amount":"1"}`, "amount: comes twice"},
		"two amounts in two spellings: refused":   {`{` + plain + `,"amount":"1","AMOUNT":"100"}`, "AMOUNT: comes twice"},
		"two amounts, one escaped: refused":       {`{` + plain + `,"amount":"1","\u0061mount":"100"}`, "amount: comes twice"},
		"folded as encoding/json folds: refused":  {`{` + plain + `,"reason":"a","rea\u017fon":"b"}`, "comes twice"},
		"two names in metadata: taken":            {`{` + plain + `,"metadata":{"a":"1","A":"2"}}`, ""},
		"one name twice in metadata: refused":     {`{` + plain + `,"metadata":{"a":"1","a":"2"}}`, "a: comes twice"},
		"two prices of an item: refused":          {`{` + plain + `,"receipt":{"items":[{"name":"x","count":"1","price":"1","Price":"2"}]}}`, "Price: comes twice"},
		"two items: taken":                        {`{` + plain + `,"receipt":{"items":[{"name":"x","count":"1","price":"1"},{"name":"y","count":"1","price":"1"}]}}`, ""},
		"nested deeper than any request: refused": {`{` + plain + `,"metadata":` + deep(9) + `}`, "nest at most 8"},
		"nested as deep as 64 KiB can: refused":   {strings.Repeat("[", 60<<10), "nest at most 8"},
		"longer than a request: refused":          {`{` + plain + `,"reason":"` + strings.Repeat("x", refund.MaxRequest) + `"}`, "at most 65536 bytes"},
		"amount as a number: refused":             {`{` + plain + `,"amount":1}`, "amount: must be a JSON string"},
		"amount as null: refused":                 {`{` + plain + `,"amount":null}`, "amount: must not be null"},
		"unknown field: refused":                  {`{` + plain + `,"amuont":"1"}`, "amuont: is not a field"},
		"something after it: refused":             {`{` + plain + `}{}`, "nothing after it"},
		"not UTF-8: refused":                      {"{" + plain + ",\"reason\":\"\xff\"}", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := refund.DecodeRequest([]byte(tc.json))
			var faults refund.Invalid
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %q", err, tc.want)
			case err != nil && !errors.As(err, &faults):
				t.Errorf("%v is of type %T", err, err)
			}
		})
	}
}

func TestReceiptFileIsReadAsStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"two prices":   `[{"name":"x","count":"1","price":"1","price":"2"}]`,
		"two receipts": `{"items":[],"Items":[]}`,
		"deep":         strings.Repeat(`{"items":[`, 9),
		"too long":     `[` + strings.Repeat(" ", refund.MaxRequest) + `]`,
		"exponent":     `[{"name":"x","count":"1","price":1e2}]`,
		"sign":         `[{"name":"x","count":"1","price":"-1"}]`,
	} {
		var faults refund.Invalid
		if _, err := refund.DecodeReceipt([]byte(text)); !errors.As(err, &faults) {
			t.Errorf("%s: %v, want a fault", name, err)
		}
	}
}

// What is wrong with a foreign task ends up in a log and on the queue.
func TestErrorsRepeatLittleOfWhatTheyRefuse(t *testing.T) {
	long := strings.Repeat("x", 50<<10)
	ones := strings.Repeat("1", 50<<10)
	for name, text := range map[string]string{
		"field":      `{"` + long + `":1}`,
		"twice":      `{"metadata":{"` + long + `":"","` + long + `":""}}`,
		"value":      `{"version":` + ones + `}`,
		"price":      `{"receipt":[{"price":"` + ones + `"}]}`,
		"map's name": `{"metadata":{"` + long + `":1}}`,
	} {
		_, err := refund.DecodeRequest([]byte(text))
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%s: %.400v, want a short error", name, err)
		}
	}
	r := refund.Request{Provider: "shop", PaymentID: "1", Amount: ones, PaymentTotal: ones, Currency: long}
	if _, err := r.Check(digits{}); err == nil || len(err.Error()) > 300 {
		t.Errorf("check: %.400v, want a short error", err)
	}
}
