package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"refundworker/internal/clocktest"
	"refundworker/providers/sandbox"
)

const (
	maibID     = "8ce09e40-2948-4225-a9c4-f277dbd587ea"
	sberbankID = "70906e55-7114-41d6-8332-4609dc6590f4"
	unitpayID  = "1234512345"
)

var paymentIDs = map[string]string{sandbox.UnitPay: unitpayID, sandbox.Maib: maibID, sandbox.Sberbank: sberbankID}

// bench is a running sandbox and a plain client of it.
type bench struct {
	*sandbox.Server
	t      *testing.T
	clock  *clocktest.Clock
	client *http.Client
	token  string
}

func start(t *testing.T, o sandbox.Options) *bench {
	t.Helper()
	c := clocktest.New(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	if o.Now == nil {
		o.Now = c.Now
	}
	s := sandbox.New(o)
	if err := s.Start(":0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	client := &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &bench{Server: s, t: t, clock: c, client: client}
}

// answer is what a client saw.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func (b *bench) do(r *http.Request) answer {
	response, err := b.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), err}
}

func (b *bench) request(method, address, contentType, body string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body == "" {
		r.Body, r.ContentLength = nil, 0
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func (b *bench) unitpay(method string, params ...string) answer {
	return b.do(b.unitpayRequest(method, "params[%s]", params...))
}

func (b *bench) unitpayRequest(method, style string, params ...string) *http.Request {
	query := url.Values{"method": {method}, fmt.Sprintf(style, "secretKey"): {sandbox.UnitPaySecret}}
	for i := 0; i < len(params); i += 2 {
		query.Set(fmt.Sprintf(style, params[i]), params[i+1])
	}
	return b.request("GET", b.BaseURL(sandbox.UnitPay)+"?"+query.Encode(), "", "")
}

func (b *bench) maib(method, path, body string) answer {
	b.t.Helper()
	return b.do(b.maibRequest(method, path, body))
}

func (b *bench) maibRequest(method, path, body string) *http.Request {
	b.t.Helper()
	if b.token == "" {
		b.token = b.newToken()
	}
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	r := b.request(method, b.BaseURL(sandbox.Maib)+path, contentType, body)
	r.Header.Set("Authorization", "Bearer "+b.token)
	return r
}

func (b *bench) newToken() string {
	b.t.Helper()
	body := fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, sandbox.MaibClientID, sandbox.MaibClientSecret)
	got := b.do(b.request("POST", b.BaseURL(sandbox.Maib)+"/v2/auth/token", "application/json", body))
	return field[string](b.t, got, "result", "accessToken")
}

func (b *bench) sberbank(operation string, params ...string) answer {
	return b.do(b.sberbankRequest(operation, params...))
}

func (b *bench) sberbankRequest(operation string, params ...string) *http.Request {
	form := url.Values{"userName": {sandbox.SberbankUser}, "password": {sandbox.SberbankPassword}, "language": {"ru"}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	return b.request("POST", b.BaseURL(sandbox.Sberbank)+"/"+operation, "application/x-www-form-urlencoded", form.Encode())
}

// refundRequest asks the company for 100.00 of its payment.
func (b *bench) refundRequest(company string) *http.Request {
	switch company {
	case sandbox.UnitPay:
		return b.unitpayRequest("refundPayment", "params[%s]", "paymentId", unitpayID, "sum", "100.00")
	case sandbox.Maib:
		return b.maibRequest("POST", "/v2/payments/"+maibID+"/refund", `{"amount":100.00,"reason":"test"}`)
	}
	return b.sberbankRequest("autoRefund.do", "orderId", sberbankID, "compositeRefundAmount", "10000")
}

func (b *bench) lookup(company string) answer {
	switch company {
	case sandbox.UnitPay:
		return b.unitpay("getPayment", "paymentId", unitpayID)
	case sandbox.Maib:
		return b.maib("GET", "/v2/payments/"+maibID, "")
	}
	return b.sberbank("getOrderStatusExtended.do", "orderId", sberbankID)
}

// field digs a value out of a JSON answer.
func field[T any](t *testing.T, a answer, path ...any) T {
	t.Helper()
	var v any
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || a.err != nil {
		t.Fatalf("no JSON answer: %v, %v, %q", err, a.err, a.body)
	}
	for _, step := range path {
		switch key := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				t.Fatalf("no %v in %s", path, a.body)
			}
			v = list[key]
		}
	}
	value, ok := v.(T)
	if !ok {
		t.Fatalf("%v is %v (%T) in %s", path, v, v, a.body)
	}
	return value
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("in vain waited for: %s", what)
		case <-tick.C:
		}
	}
}
