package sandbox_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker/providers/sandbox"
)

func (b *bench) control(method, path, body string) answer {
	return b.do(b.request(method, b.URL()+"/control/"+path, "", body))
}

func TestControlAddsFailsAndShows(t *testing.T) {
	b := start(t, sandbox.Options{})
	if got := b.control("PUT", "payments", `[{"company":"unitpay","id":"1234512345","amount":"500.00"}]`); got.status != 200 {
		t.Fatalf("payments: %s", got.body)
	}
	if got := b.control("POST", "faults", `{"company":"unitpay","payment":"1234512345","faults":[{"kind":"5xx-after","status":504}]}`); got.status != 200 {
		t.Fatalf("faults: %s", got.body)
	}
	if got := b.do(b.refundRequest(sandbox.UnitPay)); got.status != 504 {
		t.Errorf("the fault: %d", got.status)
	}
	ledger := b.control("GET", "ledger", "")
	if moved := field[string](t, ledger, 0, "moved"); moved != "100.00" {
		t.Errorf("ledger: %s", ledger.body)
	}
	calls := b.control("GET", "calls", "")
	if fault := field[string](t, calls, 0, "fault"); fault != "5xx-after" {
		t.Errorf("calls: %s", calls.body)
	}
	b.control("POST", "faults", `{"company":"unitpay","operation":"down","faults":[{"kind":"503"}]}`)
	if got := b.lookup(sandbox.UnitPay); got.status != 503 {
		t.Errorf("down: %d", got.status)
	}
	b.control("DELETE", "faults", "")
	if got := b.lookup(sandbox.UnitPay); got.status != 200 {
		t.Errorf("up: %d", got.status)
	}
	if kinds := b.control("GET", "faults", ""); strings.Count(kinds.body, `"kind"`) != len(sandbox.Faults) {
		t.Errorf("kinds: %s", kinds.body)
	}
}

func TestControlRefusesWhatItCannotDo(t *testing.T) {
	b := start(t, sandbox.Options{})
	for _, c := range [][3]string{
		{"POST", "faults", `{"company":"unitpay","faults":[{"kind":"earthquake"}]}`},
		{"POST", "faults", `{"company":"unitpay","faults":[{"kind":"callback-twice"}]}`},
		{"POST", "faults", `{"company":"bank","faults":[{"kind":"503"}]}`},
		{"POST", "faults", `{"company":"unitpay","faults":[]}`},
		{"POST", "faults", `{"company":"unitpay","operation":"token","faults":[{"kind":"503"}]}`},
		{"POST", "faults", `{"company":"unitpay","faults":[{"kind":"slow","delay":"long"}]}`},
		{"POST", "faults", `{"company":"unitpay","unknown":1}`},
		{"PUT", "payments", `[{"company":"unitpay","id":"1","amount":500}]`},
		{"PUT", "payments", `[{"company":"unitpay","id":"1","amount":"0"}]`},
		{"PUT", "payments", `[{"company":"sberbank","id":"1","amount":"1.00","points":"1.01"}]`},
		{"PUT", "payments", `[] []`},
	} {
		if got := b.control(c[0], c[1], c[2]); got.status != 400 || !strings.Contains(got.body, `"error"`) {
			t.Errorf("%v: %d %s", c, got.status, got.body)
		}
	}
}

func TestControlIsForThisMachineOnly(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	defer s.Close()
	for name, c := range map[string]struct {
		remote, host, origin string
		status               int
	}{
		"loopback":                 {"127.0.0.1:5000", "127.0.0.1:8090", "", 200},
		"loopback by name":         {"[::1]:5000", "localhost:8090", "", 200},
		"another machine":          {"10.0.0.7:5000", "127.0.0.1:8090", "", 403},
		"a page in a browser":      {"127.0.0.1:5000", "127.0.0.1:8090", "https://evil.example", 403},
		"a name that points to us": {"127.0.0.1:5000", "evil.example", "", 403},
	} {
		r := httptest.NewRequest("GET", "/control/ledger", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestPaymentFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		want  int // payments; 0: refused
		fault string
	}{
		"CSV":               {"\ufeffcompany,id,amount,points,no_partial\r\nunitpay,1,5.00,,true\r\nsberbank,x,2.00,1.00,\r\n", 2, ""},
		"JSON":              {`[{"company":"maib","id":"x","amount":"1.00","status_lag":"5s","currency":"eur"}]`, 1, ""},
		"an unknown column": {"company,id,amount,price\nunitpay,1,5.00,1\n", 0, "price"},
		"a bad amount":      {"company,id,amount\nunitpay,1,5.00\nunitpay,2,5.001\n", 0, "line 3: amount"},
		"a bad flag":        {"company,id,amount,test\nunitpay,1,5.00,yes\n", 0, "test must be"},
		"an empty file":     {"", 0, "header"},
	} {
		got, err := sandbox.ReadPayments(strings.NewReader(c.file))
		if (err == nil) != (c.want > 0) || len(got) != c.want || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestTheLogHasALineForEachCallAndNoSecret(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	b := start(t, sandbox.Options{SettleDelay: time.Second, Log: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&log, line)
	}})
	sandbox.LoadSamples(b.Server)
	b.do(b.refundRequest(sandbox.UnitPay))
	b.unitpay("getPayment", "paymentId", "1\n#2 forged")
	for _, company := range sandbox.Companies {
		b.Fail(company, "", sandbox.Fault{Kind: sandbox.WrongCredentials})
		b.do(b.refundRequest(company))
		b.lookup(company)
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Count(log.String(), "\n"), len(b.RecentCalls()); got != want {
		t.Errorf("%d lines for %d calls:\n%s", got, want, &log)
	}
	for _, secret := range []string{sandbox.UnitPaySecret, sandbox.MaibClientSecret, sandbox.SberbankPassword, b.token} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a secret:\n%s", &log)
		}
	}
	if !strings.HasPrefix(log.String(), "#1 unitpay refund 1234512345 HTTP 200, moved 100.00 RUB of money\n") {
		t.Errorf("the first line is another:\n%s", &log)
	}
}

// The file and the samples belong together: every row finds its payment, and
// only the one that says so is larger than it.
func TestTheSamplesFitTheirFile(t *testing.T) {
	file, err := os.Open("../../examples/refunds.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if header := strings.Join(rows[0], ","); header != "refund_id,provider,payment_id,amount,currency,payment_total,reason,receipt,metadata" {
		t.Fatalf("header %s", header)
	}
	b := start(t, sandbox.Options{})
	sandbox.LoadSamples(b.Server)
	ledger := b.control("GET", "ledger", "")
	for _, row := range rows[1:] {
		id, company, payment, currency, total := row[0], row[1], row[2], row[4], row[5]
		found := false
		for i := range strings.Count(ledger.body, `"company"`) {
			if field[string](t, ledger, i, "id") != payment {
				continue
			}
			found = true
			amount := field[string](t, ledger, i, "amount")
			if field[string](t, ledger, i, "company") != company || field[string](t, ledger, i, "currency") != currency || total != "" && total != amount {
				t.Errorf("%s: the payment is another", id)
			}
		}
		if !found {
			t.Errorf("%s: no payment %s", id, payment)
		}
	}
}

func TestAClosedSandboxSaysSo(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/unitpay/api", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
	if err := s.Start(":0"); err == nil {
		t.Error("it started again")
	}
}
