package all_test

import (
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/all"
	"refundworker/providers/providertest"
	"refundworker/refund"
)

// recorder is a network that keeps what would have gone out, and answers nothing
// that settles a refund, but gives a token to whoever asks for one.
type recorder struct{ sent []string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	answer := `{}`
	if strings.HasSuffix(req.URL.Path, "/auth/token") {
		answer = `{"result":{"accessToken":"t0ken","expiresIn":300,"tokenType":"Bearer"},"ok":true}`
	} else {
		r.sent = append(r.sent, req.URL.RawQuery+string(body))
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
}

// wires say where each driver writes an amount, and how many of its units make
// a major one.
var wires = map[string]struct {
	payment  string
	currency refund.Currency
	read     func(t *testing.T, sent string) string
	minor    bool // it writes minor units
}{
	"unitpay":  {"42", "RUB", field("params[sum]"), false},
	"sberbank": {"70906e55-7114-41d6-8332-4609dc6590f4", "RUB", field("compositeRefundAmount"), true},
	"maib": {"8ce09e40-2948-4225-a9c4-f277dbd587e0", "MDL", func(t *testing.T, sent string) string {
		var body struct {
			Amount json.Number `json:"amount"`
		}
		if err := json.Unmarshal([]byte(sent), &body); err != nil {
			t.Fatal(err)
		}
		return body.Amount.String()
	}, false},
}

func field(name string) func(*testing.T, string) string {
	return func(t *testing.T, sent string) string {
		values, err := url.ParseQuery(sent)
		if err != nil {
			t.Fatal(err)
		}
		return values.Get(name)
	}
}

// FuzzAmountOnTheWire follows an amount from how it was written to how it
// leaves: what each driver sends is the value that was asked for.
func FuzzAmountOnTheWire(f *testing.F) {
	for _, amount := range []string{"100", "100.00", "0.01", "1000000000000.00", "99999999999.99", "0.10", "1e2", "007"} {
		f.Add(amount)
	}
	f.Fuzz(func(t *testing.T, amount string) {
		for _, d := range all.Drivers {
			w, ok := wires[d.Name()]
			if !ok {
				t.Fatalf("say where %s writes an amount", d.Name())
			}
			o, err := refund.Request{Provider: d.Name(), PaymentID: w.payment, Amount: amount, Currency: string(w.currency), Reason: "x"}.Check(d)
			if err != nil || o.Full {
				continue
			}
			net := new(recorder)
			s := providertest.SettingsFor(t, d, "https://provider.example", map[string]string{"secret_key": "a", "client_id": "b", "client_secret": "c", "username": "d", "password": "e"})
			s.Transport = net
			out := providertest.Open(t, d, s).Refund(t.Context(), providertest.Attempt(o.PaymentID, o.Amount.Minor, o.Amount.Currency))
			if out.Kind == providers.Succeeded || len(net.sent) != 1 {
				t.Fatalf("%s: %+v, sent %q", d.Name(), out, net.sent)
			}
			text := w.read(t, net.sent[0])
			got, ok1 := new(big.Rat).SetString(text)
			want, ok2 := new(big.Rat).SetString(amount)
			if w.minor && ok1 {
				got.Quo(got, big.NewRat(100, 1))
			}
			if !ok1 || !ok2 || got.Cmp(want) != 0 || strings.ContainsAny(text, "eE+-") {
				t.Errorf("%s: %q left as %q", d.Name(), amount, text)
			}
		}
	})
}
