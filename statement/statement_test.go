package statement_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"refundworker/refund"
	"refundworker/statement"
)

// digits are the payments of the tests: unitpay's form.
func digits(id string) (string, error) {
	canonical := strings.TrimLeft(id, "0")
	if canonical == "" || strings.Trim(id, "0123456789") != "" {
		return "", errors.New("must be a number above zero")
	}
	return canonical, nil
}

func read(t *testing.T, f statement.Form, text string) *statement.Statement {
	t.Helper()
	got, err := statement.Read("s.csv", strings.NewReader(text), f, digits)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// amountOf reads one amount.
func amountOf(t *testing.T, f statement.Form, text string, c string) (string, error) {
	t.Helper()
	file := "payment;amount\n1;\"" + text + "\"\n"
	f.Columns = map[statement.Field]string{statement.Payment: "payment"}
	f.Currency = refund.Currency(c)
	got, err := statement.Read("s.csv", strings.NewReader(file), f, digits)
	if err != nil {
		return "", err
	}
	return got.Rows[0].Amount.String(), nil
}

func TestAmountsInAllSpellings(t *testing.T) {
	for text, want := range map[string]string{
		"100": "100.00", "100.00": "100.00", "100,00": "100.00", "100.5": "100.50", "0,50": "0.50", "0.500": "0.50", "00100.00": "100.00",
		"1 000.00": "1000.00", "1 000,00": "1000.00", "1\u00a0000,00": "1000.00", "1\u202f000": "1000.00",
		"1,000.00": "1000.00", "1.000,00": "1000.00", "1,000,000": "1000000.00", "1.000.000,5": "1000000.50",
		"12 345 678.90": "12345678.90", "1 000.000": "1000.00", "1000.000": "1000.00", "-100.00": "100.00", "\u2212100,00": "100.00", "- 100": "100.00", "+100": "100.00", " 100 ": "100.00",
		"123456789012.34": "123456789012.34",
	} {
		if got, err := amountOf(t, statement.Form{}, text, "RUB"); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %s", text, got, err, want)
		}
	}
	for text, why := range map[string]string{
		"1,000": "two", "1.000": "two", "12.345": "two", "999,999": "two", "-1,000": "two",
		"": "no amount", "-": "no amount", "abc": "no amount", "1e5": "no amount", "NaN": "no amount", "0x10": "no amount", "100.00 RUB": "no amount", "١٠٠": "no amount",
		"1 00": "no amount", "1 0000": "no amount", "1,00,000": "no amount", "1,000.00.00": "no amount", "1.000,00,0": "no amount", "100.": "no amount", ".50": "no amount",
		"1 000,000.00": "no amount", "100.005": "two", "100.0051": "more decimals", "10000000000000.01": "larger", "--1": "no amount", "+-1": "no amount", "1-1": "no amount",
		"1,234,56.00": "no amount", "1 ,00": "no amount", "0": "is zero", "0.00": "is zero",
		strings.Repeat("9", 100): "no amount",
	} {
		got, err := amountOf(t, statement.Form{}, text, "RUB")
		if why == "two" {
			why = "two ways"
			if err != nil && strings.Contains(err.Error(), "as thousands or as decimals") {
				continue
			}
		}
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %q, %v; want %s", text, got, err, why)
		}
	}
}

func TestTheDecimalSignThatIsSaidSettlesDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		form           statement.Form
		text, currency string
		want           string
	}{
		"a comma between thousands":           {statement.Form{Decimal: '.'}, "1,000", "RUB", "1000.00"},
		"a comma before decimals":             {statement.Form{Decimal: ','}, "1,000", "RUB", "1.00"},
		"a dot between thousands":             {statement.Form{Decimal: ','}, "1.000", "RUB", "1000.00"},
		"a dot before decimals":               {statement.Form{Decimal: '.'}, "1.000", "RUB", "1.00"},
		"both signs":                          {statement.Form{Decimal: ','}, "1.000,50", "RUB", "1000.50"},
		"three decimals of a currency":        {statement.Form{Decimal: '.'}, "1.234", "KWD", "1.234"},
		"no decimals of a currency":           {statement.Form{}, "1000", "JPY", "1000"},
		"minor units":                         {statement.Form{Unit: statement.Minor}, "10000", "RUB", "100.00"},
		"few minor units":                     {statement.Form{Unit: statement.Minor}, "5", "RUB", "0.05"},
		"minor units with thousands":          {statement.Form{Unit: statement.Minor}, "1 000 000", "RUB", "10000.00"},
		"minor units where there are none":    {statement.Form{Unit: statement.Minor}, "1000", "JPY", "1000"},
		"negative minor units":                {statement.Form{Unit: statement.Minor}, "-10000", "RUB", "100.00"},
		"major units though minor ones stood": {statement.Form{Unit: statement.Minor}.Over(statement.Form{Unit: statement.Major}), "100.00", "RUB", "100.00"},
	} {
		if got, err := amountOf(t, c.form, c.text, c.currency); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %s", name, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		form statement.Form
		text string
	}{
		"minor units have no decimals":  {statement.Form{Unit: statement.Minor}, "100.00"},
		"the other sign among decimals": {statement.Form{Decimal: ','}, "1,000.00"},
		"thousands that are none":       {statement.Form{Decimal: ','}, "10.00"},
	} {
		if got, err := amountOf(t, c.form, c.text, "RUB"); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestColumnsWithoutDoubtAreTaken(t *testing.T) {
	got := read(t, statement.Form{}, "\ufeffRefund ID;Payment_ID;Сумма;Валюта;Дата;x\nr1;007;1 000,50;RUB;31.01.2025;y\n;8;2,00;643;01.02.2025 10:30;\n\n")
	want := []statement.Row{
		{Line: 2, ID: "r1", Payment: "7", Amount: refund.Money{Minor: 100050, Currency: "RUB"}, Time: time.Date(2025, 1, 31, 0, 0, 0, 0, time.UTC)},
		{Line: 3, Payment: "8", Amount: refund.Money{Minor: 200, Currency: "RUB"}, Time: time.Date(2025, 2, 1, 10, 30, 0, 0, time.UTC)},
	}
	if len(got.Rows) != 2 || got.Rows[0] != want[0] || got.Rows[1] != want[1] {
		t.Errorf("got %+v", got.Rows)
	}
	if len(got.Columns) != 5 || got.Columns[0].Column != "Refund ID" || !got.Columns[0].Detected {
		t.Errorf("columns: %+v", got.Columns)
	}
}

func TestTheFormIsFollowed(t *testing.T) {
	moscow, err := statement.ParseZone("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := statement.ParseColumns("id=Ref, payment = Order,amount=Total,time=When")
	if err != nil {
		t.Fatal(err)
	}
	f := statement.Form{Columns: columns, Currency: "RUB", SkipLines: 2, Layout: "01/02/2006 15:04", Zone: moscow, OnlyNegative: true,
		Only: map[string][]string{"kind": {"refund", "Возврат"}}}
	got := read(t, f, "Bank, Ltd\nfrom;to;of\nRef,Order,Total,When,Kind\na,1,-1.00,02/01/2025 01:30,REFUND\nb,2,5.00,02/01/2025 01:30,refund\nc,3,-3.00,02/01/2025 01:30,fee\nd,4,-4.00,02/01/2025 01:30,возврат\n")
	if len(got.Rows) != 2 || got.Others != 2 || got.Rows[0].ID != "a" || got.Rows[1].ID != "d" || got.Rows[0].Line != 4 {
		t.Fatalf("got %+v", got)
	}
	if want := time.Date(2025, 1, 31, 22, 30, 0, 0, time.UTC); !got.Rows[0].Time.Equal(want) {
		t.Errorf("got %s, want %s", got.Rows[0].Time, want)
	}
}

func TestWhatIsWrongIsSaidWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		form statement.Form
		text string
		want string
	}{
		"nothing":                    {statement.Form{}, "", "s.csv: is empty"},
		"UTF-16":                     {statement.Form{}, "\xff\xfea\x00", "UTF-16"},
		"no header row":              {statement.Form{SkipLines: 3}, "a\nb\n", "has no header row"},
		"no amount":                  {statement.Form{}, "payment_id,x\n", `s.csv:1: no column is known to hold the amount: say which with --map amount=COLUMN or statement.columns; there are "payment_id", "x"`},
		"no payment":                 {statement.Form{}, "amount,currency\n", "the refund's id or the payment"},
		"no currency":                {statement.Form{}, "payment_id,amount\n", "the currency itself with --currency"},
		"two amounts":                {statement.Form{}, "payment_id,currency,amount,sum\n", `the columns "amount" and "sum" could all be the amount`},
		"a column that is not there": {statement.Form{Columns: map[statement.Field]string{statement.Amount: "Total"}}, "payment_id,currency\n", `there is no column "Total"`},
		"a column that is twice":     {statement.Form{Columns: map[statement.Field]string{statement.Amount: "a"}}, "payment_id,currency,a,a\n", `the column "a" is there twice`},
		"an only that is not there":  {statement.Form{Only: map[string][]string{"kind": {"x"}}}, "payment_id,currency,amount\n", `there is no column "kind"`},
		"a currency that is none":    {statement.Form{}, "payment_id,currency,amount\n1,RUR,1\n", `s.csv:2: column "currency": "RUR" is no ISO 4217 code`},
		"a time of two readings":     {statement.Form{}, "payment_id,currency,amount,date\n1,RUB,1,01/02/2025\n", `column "date": "01/02/2025" is no time that can be read in one way only`},
		"a time of another layout":   {statement.Form{Layout: "2006.01.02"}, "payment_id,currency,amount,date\n1,RUB,1,2025-01-01\n", "is not written as 2006.01.02"},
		"too few cells":              {statement.Form{}, "payment_id,currency,amount\n1,RUB\n", "s.csv:2: has 2 cells where the header row has 3"},
		"a quote never closed":       {statement.Form{}, "payment_id,currency,amount\n\"1,RUB,1\n", "never closed"},
		"neither id nor payment":     {statement.Form{}, "payment_id,currency,amount\n,RUB,1\n", "names neither a refund nor a payment"},
		"both signs":                 {statement.Form{}, "payment_id,currency,amount\n1,RUB,1\n2,RUB,-1\n", "s.csv:3: the amount is negative and that of line 2 is not"},
		"both signs, turned round":   {statement.Form{}, "payment_id,currency,amount\n1,RUB,-1\n2,RUB,1\n", "s.csv:3: the amount is positive and that of line 2 is not"},
		"too many columns":           {statement.Form{}, strings.Repeat("a,", 70) + "b\n", "more than 64 columns"},
	} {
		_, err := statement.Read("s.csv", strings.NewReader(c.text), c.form, digits)
		var faults statement.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestOnlyTheFirstFaultsAreSaid(t *testing.T) {
	text := "payment_id,currency,amount\n" + strings.Repeat("1,RUB,x\n", 1000)
	_, err := statement.Read("s.csv", strings.NewReader(text), statement.Form{}, digits)
	if n := strings.Count(err.Error(), "\n"); n != 20 || !strings.Contains(err.Error(), "the rest was not read") {
		t.Errorf("%d lines: %v", n, err)
	}
}

func TestAColumnInDoubtIsNotUsed(t *testing.T) {
	got := read(t, statement.Form{}, "payment_id,currency,amount,date,time\n1,RUB,1,x,y\n")
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], `"date" and "time" could all be the time`) || !got.Rows[0].Time.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestAPaymentOfAnotherFormIsKeptAsItIs(t *testing.T) {
	got := read(t, statement.Form{}, "payment_id,currency,amount\n1.23E+11,RUB,1\n")
	if !got.Rows[0].Odd || got.Rows[0].Payment != "1.23E+11" {
		t.Errorf("got %+v", got.Rows)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	wrong := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, s := range []string{"", "id", "id=", "=x", "refund=x", "id=a,id=b"} {
		_, err := statement.ParseColumns(s)
		wrong("--map "+s, err)
	}
	for _, s := range []string{"", "15:04", "01/02", "2006", "x"} {
		_, err := statement.ParseLayout(s)
		wrong("layout "+s, err)
	}
	for _, s := range []string{"", "Local", "Nowhere/City"} {
		_, err := statement.ParseZone(s)
		wrong("zone "+s, err)
	}
	_, err := statement.ParseDelimiter("\t")
	wrong("a tab", err)
	_, err = statement.ParseDecimal("'")
	wrong("an apostrophe", err)
	_, err = statement.ParseUnit("cents")
	wrong("cents", err)
	_, err = statement.ParseCurrency("")
	wrong("no currency", err)
	for s, want := range map[string]string{"rub": "RUB", "643": "RUB", "498": "MDL"} {
		if c, err := statement.ParseCurrency(s); err != nil || string(c) != want {
			t.Errorf("%s: got %s, %v", s, c, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"payment_id,currency,amount,date\n1,RUB,1.00,2025-01-01\n2,RUB,\"1,000.00\",2025-01-02\n",
		"\ufeffpayment_id;currency;amount\n1;643;1 000,00\n\n2;RUB;-0,01\n",
		"refund_id,amount,currency\n\"a\"\"b\",\"1\n000\",RUB\n",
		"payment_id,currency,amount\n1,RUB,1.000\n", "payment_id,currency,amount\n1,RUB,\u22121\u00a0000,5\n",
		"payment_id,currency,amount\n1,KWD,1.234\n", "a\n\"", "\xff\xfe", ",,,\n", "amount\r\n1\r\n",
	} {
		f.Add(seed, false, "")
	}
	f.Fuzz(func(t *testing.T, text string, minor bool, decimal string) {
		form := statement.Form{Unit: statement.Major}
		if minor {
			form.Unit = statement.Minor
		}
		if d, err := statement.ParseDecimal(decimal); err == nil {
			form.Decimal = d
		}
		got, err := statement.Read("s.csv", strings.NewReader(text), form, digits)
		var faults statement.Faults
		if err != nil {
			if !errors.As(err, &faults) || got != nil {
				t.Fatalf("got %v, %v", got, err)
			}
			return
		}
		for _, r := range got.Rows {
			if _, ok := r.Amount.Currency.Exponent(); !ok || r.Amount.Minor <= 0 || r.Amount.Minor > refund.MaxMinor || r.ID == "" && r.Payment == "" || r.Line < 2 {
				t.Errorf("a row that is none: %+v", r)
			}
		}
	})
}

// An amount that is written out is read back, in every spelling, to the last
// digit.
func FuzzAmount(f *testing.F) {
	for _, minor := range []int64{1, 5, 99, 100, 12345, 100000, 123456789, 1e14} {
		f.Add(minor)
	}
	f.Fuzz(func(t *testing.T, minor int64) {
		if minor <= 0 || minor > refund.MaxMinor {
			t.Skip()
		}
		whole, fraction := fmt.Sprint(minor/100), fmt.Sprintf("%02d", minor%100)
		grouped := func(sign string) string {
			var b strings.Builder
			for i, digit := range whole {
				if i > 0 && (len(whole)-i)%3 == 0 {
					b.WriteString(sign)
				}
				b.WriteRune(digit)
			}
			return b.String()
		}
		want := refund.Money{Minor: minor, Currency: "RUB"}.String()
		for _, text := range []string{whole + "." + fraction, whole + "," + fraction, grouped(" ") + "." + fraction, grouped("\u00a0") + "," + fraction,
			grouped(",") + "." + fraction, grouped(".") + "," + fraction, "-" + grouped(" ") + "," + fraction} {
			if got, err := amountOf(t, statement.Form{}, text, "RUB"); err != nil || got != want {
				t.Errorf("%q: got %q, %v; want %s", text, got, err, want)
			}
		}
		if got, err := amountOf(t, statement.Form{Unit: statement.Minor}, fmt.Sprint(minor), "RUB"); err != nil || got != want {
			t.Errorf("%d minor units: got %q, %v; want %s", minor, got, err, want)
		}
	})
}
