package batch_test

import (
	"bytes"
	"strings"
	"testing"

	"refundworker/batch"
	"refundworker/refund"
)

// rejectAll rejects every row of a file.
func rejectAll(t *testing.T, name, text string) string {
	t.Helper()
	r, err := batch.NewReader(name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	rejects := batch.NewRejects(&out, r)
	for {
		row, err := r.Next()
		if err != nil {
			break
		}
		faults := row.Faults
		if len(faults) == 0 {
			faults.Add("amount", "is odd")
		}
		rejects.Write(row, faults)
	}
	if err := rejects.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRejectedRowsAreWrittenAsTheyWere(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"CSV with its delimiter, line and fault": {"f.csv", "provider;payment_id;currency\nu;\"1\";RUB\n",
			"provider;payment_id;currency;line;error\nu;1;RUB;2;amount: is odd\n"},
		"a file of rejects keeps one line and error": {"f.csv", "line,provider,payment_id,currency,error\n9,u,1,RUB,old\n",
			"provider,payment_id,currency,line,error\nu,1,RUB,2,amount: is odd\n"},
		"a row that is short is not filled up": {"f.csv", "provider,payment_id,currency,amount\nu,1,RUB\n",
			"provider,payment_id,currency,amount,line,error\n\"u,1,RUB\",,,,2,row: has 3 cells where the header has 4\n"},
		"a row with a broken quote is not cut": {"f.csv", "provider,payment_id,currency,amount\nu,1,RUB,100\"5\n",
			"provider,payment_id,currency,amount,line,error\n\"u,1,RUB,100\"\"5\",,,,2,row: a quote stands inside of an unquoted cell; put the whole cell in quotes and write its quotes twice\n"},
		"JSON gets two fields": {"f.jsonl", `{"amount":"1"}` + "\n{}\n",
			`{"amount":"1","line":1,"error":"amount: is odd"}` + "\n" + `{"line":2,"error":"amount: is odd"}` + "\n"},
		"JSON gets them once": {"f.jsonl", `{"amount":"1","line":7,"error":"x"}`,
			`{"amount":"1","line":1,"error":"amount: is odd"}` + "\n"},
		"what is no JSON is kept as text": {"f.jsonl", `{"amount":"1"`,
			`{"raw":"{\"amount\":\"1\"","line":1,"error":"row: is not readable JSON: it ends in its middle"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := rejectAll(t, c.file, c.text); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRejectsOfBrokenRowsAreNotLoadedAsOtherRefunds(t *testing.T) {
	for _, text := range []string{
		"provider,payment_id,currency,amount\nu,1,RUB\n",
		"provider,payment_id,currency,amount\nu,1,RUB,100\"5\n",
		"provider,payment_id,currency,amount\nu,1,RUB,1\x0000\n",
		"amount,provider,payment_id,currency\n100,u,1,RUB,\n",
	} {
		again, err := batch.NewReader("f.csv", strings.NewReader(rejectAll(t, "f.csv", text)))
		if err != nil {
			t.Fatal(err)
		}
		row, err := again.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := row.Request.Check(anything{}); err == nil && len(row.Faults) == 0 {
			t.Errorf("%q came back as the refund %+v", text, row.Request)
		}
	}
}

type anything struct{}

func (anything) CanonicalPayment(id string) (string, error) { return id, nil }
func (anything) CheckOrder(refund.Order) refund.Invalid     { return nil }
