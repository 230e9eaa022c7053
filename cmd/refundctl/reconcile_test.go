package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/internal/redistest"
	"refundworker/refund"
)

// settle brings a refund to its end as a worker would.
func settle(t *testing.T, s *cli.Session, id, payment, amount, moved, providerID string) {
	t.Helper()
	enqueue(t, s, request(id, payment, amount))
	bring(t, s, id, refund.Sending, nil)
	bring(t, s, id, refund.Succeeded, map[string]string{"moved": moved, "provider_refund_id": providerID})
}

// books has refunds in all the ways in which they can differ from a statement.
func books(t *testing.T) (*clitest.Bench, *cli.Session) {
	t.Helper()
	b := clitest.New(t, run)
	s := b.Session(t)
	settle(t, s, "same", "1", "1000.00", "100000", "")
	settle(t, s, "less", "2", "50.00", "5000", "r-2")
	settle(t, s, "gone", "3", "7.00", "700", "")
	enqueue(t, s, request("lost", "4", "40.00"))
	bring(t, s, "lost", refund.Sending, nil)
	bring(t, s, "lost", refund.Unknown, nil)
	enqueue(t, s, request("asked", "5", "5.00"))
	bring(t, s, "asked", refund.Review, map[string]string{"reason_code": "not_proven"})
	return b, s
}

const statementOfBooks = "Refund ID;Payment ID;Сумма;Валюта\n" +
	";0001;1 000,00;RUB\n" +
	"r-2;2;45,00;RUB\n" +
	";4;40,00;643\n" +
	";5;5,00;RUB\n" +
	"=1+1;66;6,60;RUB\n"

func TestReconcileTellsEveryDifference(t *testing.T) {
	b, _ := books(t)
	path := b.File(t, "s.csv", statementOfBooks)
	r := b.Run("reconcile", path, "--provider", "unitpay", "--all")
	want := path + ` against unitpay: 5 refunds, all of the journal
columns: id is "Refund ID" (taken by its name), payment is "Payment ID" (taken by its name), amount is "Сумма" (taken by its name), currency is "Валюта" (taken by its name)

FINDING        LINE  REFUND  PAYMENT    THERE     HERE  CURRENCY  STATE      NOTE
other_state       4  lost    4          40.00    40.00  RUB       unknown
other_state       5  asked   5           5.00     5.00  RUB       review
missing_here      6          66          6.60           RUB
other_amount      3  less    2          45.00    50.00  RUB       succeeded
missing_there        gone    3                    7.00  RUB       succeeded
matched           2  same    1        1000.00  1000.00  RUB       succeeded

FINDING        COUNT  CURRENCY    THERE     HERE
other_state        2  RUB         45.00    45.00
missing_here       1  RUB          6.60     0.00
other_amount       1  RUB         45.00    50.00
missing_there      1  RUB          0.00     7.00
matched            1  RUB       1000.00  1000.00
`
	if r.Status != cli.Differs || r.Stdout != want {
		t.Errorf("exit status %d, stderr %q, got\n%s\nwant\n%s", r.Status, r.Stderr, r.Stdout, want)
	}
}

func TestReconcileForScripts(t *testing.T) {
	b, _ := books(t)
	path := b.File(t, "s.csv", statementOfBooks)
	r := b.Run("reconcile", path, "--provider", "unitpay", "-o", "json")
	list := lines(t, r)
	if r.Status != cli.Differs || len(list) != 6 {
		t.Fatalf("%+v", r)
	}
	first := list[0]
	if first["at_here"] == "" {
		t.Errorf("no time: %v", first)
	}
	delete(first, "at_here") // now
	got, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"amount_here":"40.00","amount_there":"40.00","at_there":"","currency":"RUB","finding":"other_state","line":4,"note":"","payment_id":"4","provider_refund_id":"","reason_code":"","refund_id":"lost","state":"unknown","statement_id":""}`; string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	var summary account
	lastLine := r.Stdout[strings.LastIndex(strings.TrimSpace(r.Stdout), "\n")+1:]
	if err := json.Unmarshal([]byte(lastLine), &summary); err != nil {
		t.Fatal(err)
	}
	if summary.Finding != "summary" || summary.Rows != 5 || summary.Differences != 5 || len(summary.Totals) != 5 || len(summary.Columns) != 4 || summary.Totals[4].Here != "1000.00" {
		t.Errorf("got %+v", summary)
	}

	r = b.Run("reconcile", path, "--provider", "unitpay", "-o", "csv")
	rows, err := csv.NewReader(strings.NewReader(r.Stdout)).ReadAll()
	if err != nil || len(rows) != 6 || rows[0][0] != "finding" || rows[3][4] != "'=1+1" || !strings.Contains(r.Stderr, "5 refunds, all of the journal") {
		t.Errorf("%v, %v, %s", rows, err, r.Stderr)
	}
}

func TestReconcileIsDoneWhenAllMatches(t *testing.T) {
	b, _ := books(t)
	for name, c := range map[string]struct {
		text string
		args string
	}{
		"negative amounts":         {"payment,sum\n1,-1000.00\n2,-50\n3,-7.00\n", "--map payment=payment --currency RUB"},
		"between payments":         {"payment_id,amount,currency\n9,99.00,RUB\n1,-1000.00,RUB\n2,-50,RUB\n3,-7,RUB\n", "--only-negative"},
		"of one kind":              {"payment_id,amount,currency,kind\n1,1000,RUB,Refund\n9,99,RUB,fee\n2,50,RUB,return\n3,7,RUB,refund\n", "--only kind=refund|return"},
		"in minor units":           {"payment_id,amount,currency\n1,100000,RUB\n2,5000,RUB\n3,700,RUB\n", "--amount-unit minor"},
		"thousands that are said":  {"payment_id;amount;currency\n1;1,000;RUB\n2;50;RUB\n3;7;RUB\n", "--decimal ."},
		"behind a letterhead":      {"The Bank, Ltd.\npayment_id,amount,currency\n1,1000,RUB\n2,50,RUB\n3,7,RUB\n", "--skip-lines 1"},
		"by our own ids":           {"ref,amount,currency\nsame,1000,RUB\nless,50,RUB\ngone,7,RUB\n", "--map id=ref"},
		"another hour and a zone":  {"payment_id,amount,currency,date\n1,1000,RUB,TODAY\n2,50,RUB,TODAY\n3,7,RUB,TODAY\n", "--time-layout 02/01/2006 --time-zone Europe/Moscow"},
		"the day before, by slack": {"payment_id,amount,currency,date\n1,1000,RUB,TODAY\n2,50,RUB,TODAY\n3,7,RUB,TODAY\n", "--time-layout 02/01/2006 --since 2000-01-01 --until 2100-01-01"},
	} {
		text := strings.ReplaceAll(c.text, "TODAY", time.Now().UTC().Format("02/01/2006"))
		path := b.File(t, "s.csv", text)
		r := b.Run(append([]string{"reconcile", path, "--provider", "unitpay"}, strings.Fields(c.args)...)...)
		if r.Status != cli.OK || !strings.Contains(r.Stdout, "matched") || strings.Contains(r.Stdout, "missing") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := b.RunWith(context.Background(), "payment_id,amount,currency\n1,1000,RUB\n2,50,RUB\n3,7,RUB\n", "reconcile", "-", "--provider", "unitpay")
	if r.Status != cli.OK || !strings.HasPrefix(r.Stdout, "stdin against unitpay: 3 refunds") {
		t.Errorf("from standard input: %+v", r)
	}
}

func TestReconcileLooksAtThePeriodOnly(t *testing.T) {
	b, _ := books(t)
	path := b.File(t, "s.csv", "payment_id,amount,currency,date\n1,1000,RUB,2001-01-05\n")
	r := b.Run("reconcile", path, "--provider", "unitpay", "-o", "json")
	list := lines(t, r)
	if r.Status != cli.Differs || len(list) != 2 || list[0]["finding"] != "missing_here" || !strings.Contains(list[0]["note"].(string), "refund same of this payment and amount is succeeded since") {
		t.Errorf("%+v", r)
	}
	if list[1]["since"] != "2001-01-05T00:00:00Z" || list[1]["until"] != "2001-01-06T00:00:00Z" {
		t.Errorf("period: %v", list[1])
	}
	r = b.Run("reconcile", path, "--provider", "unitpay", "--until", "2001-01-01")
	if r.Status != cli.OK || !strings.Contains(r.Stdout, "1 refunds lie outside of the period") || !strings.Contains(r.Stdout, "nothing to compare") {
		t.Errorf("%+v", r)
	}
}

func TestReconcileTakesTheFormFromTheConfiguration(t *testing.T) {
	b, _ := books(t)
	b.Config(t, "one_refund_per_payment: false}", `one_refund_per_payment: false,
    statement: {columns: {payment: Order, amount: Total}, currency: RUB, amount_unit: minor, delimiter: ";", only: {Kind: refund}}}`)
	path := b.File(t, "s.csv", "Order;Total;Kind\n1;100000;refund\n2;5000;refund\n3;700;refund\n8;1;fee\n")
	if r := b.Run("reconcile", path, "--provider", "unitpay"); r.Status != cli.OK || !strings.Contains(r.Stdout, `payment is "Order", amount is "Total"`) {
		t.Errorf("%+v", r)
	}
	path = b.File(t, "t.csv", "Order;Sum;Kind\n1;1000.00;refund\n2;50;refund\n3;7;refund\n")
	if r := b.Run("reconcile", path, "--provider", "unitpay", "--map", "amount=Sum", "--amount-unit", "major"); r.Status != cli.OK {
		t.Errorf("flags over the configuration: %+v", r)
	}
}

func TestReconcileSaysWhatIsWrong(t *testing.T) {
	b := clitest.New(t, run)
	path := b.File(t, "s.csv", "payment_id,amount,currency\n1,\"1,000\",RUB\n2,x,RUB\n")
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"two bad rows":      {[]string{path, "--provider", "unitpay"}, cli.Invalid, path + `:3: column "amount": "x" is no amount`},
		"no provider":       {[]string{path}, cli.Usage, "--provider is required"},
		"no file":           {[]string{"--provider", "unitpay"}, cli.Usage, "arg"},
		"a file not there":  {[]string{"nope.csv", "--provider", "unitpay"}, cli.Failed, "no such file"},
		"a folder":          {[]string{b.Folder, "--provider", "unitpay"}, cli.Failed, "is not a file"},
		"a mapping of none": {[]string{path, "--provider", "unitpay", "--map", "total=x"}, cli.Usage, `"total" is no field`},
		"a period reversed": {[]string{path, "--provider", "unitpay", "--since", "2025-02-01", "--until", "2025-01-01"}, cli.Usage, "--since must be before"},
		"too much slack":    {[]string{path, "--provider", "unitpay", "--slack", "1000h"}, cli.Usage, "--slack"},
		"an only of none":   {[]string{path, "--provider", "unitpay", "--only", "x"}, cli.Usage, "COLUMN=VALUE"},
	} {
		if r := b.Run(append([]string{"reconcile"}, c.args...)...); r.Status != c.status || !strings.Contains(r.Stderr, c.want) || r.Stdout != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Thousands of refunds, of which a few differ; while it is compared, workers go
// on with others.
func TestReconcileOfThousandsBesideWorkers(t *testing.T) {
	b := clitest.New(t, run)
	b.Config(t, b.Redis.Addr(), redistest.Start(t, "--maxmemory-policy", "noeviction").Addr)
	s := b.Session(t)
	const many = 3000
	var text strings.Builder
	text.WriteString("payment_id,amount,currency\n")
	for i := range many {
		payment := fmt.Sprint(1000 + i)
		settle(t, s, fmt.Sprint("r", i), payment, "10.00", "1000", "")
		if i != 17 {
			fmt.Fprintf(&text, "%s,10.00,RUB\n", payment)
		}
	}
	enqueue(t, s, request("late", "7", "7.00"))
	text.WriteString("7,7.00,RUB\n")
	path := b.File(t, "s.csv", text.String())
	done := make(chan clitest.Result, 1)
	go func() {
		done <- b.Run("reconcile", path, "--provider", "unitpay", "--until", time.Now().Add(time.Hour).Format(time.RFC3339), "-o", "json")
	}()
	var r clitest.Result
	for i, compared := 0, false; !compared; i++ {
		select {
		case r = <-done:
			compared = true
		default:
			settle(t, s, fmt.Sprint("new", i), fmt.Sprint(900000+i), "1.00", "100", "")
		}
	}
	var there, matched int
	for _, f := range lines(t, r) {
		switch f["finding"] {
		case "missing_there":
			if f["refund_id"] == "r17" {
				there++
			} else if !strings.HasPrefix(f["refund_id"].(string), "new") {
				t.Errorf("%v", f)
			}
		case "other_state":
			if f["refund_id"] != "late" || f["state"] != "queued" {
				t.Errorf("%v", f)
			}
		case "summary":
			for _, total := range f["totals"].([]any) {
				if total := total.(map[string]any); total["finding"] == "matched" {
					matched = int(total["count"].(float64))
				}
			}
		default:
			t.Errorf("%v", f)
		}
	}
	if r.Status != cli.Differs || there != 1 || matched != many-1 {
		t.Errorf("exit status %d, %d missing, %d matched", r.Status, there, matched)
	}
}
