package batch_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"refundworker/batch"
)

// read reads a file to its end and writes each row as "line payment amount" or
// "line! faults".
func read(t *testing.T, name, text string) (rows []string, err error) {
	t.Helper()
	r, err := batch.NewReader(name, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, show(row))
	}
}

func show(row batch.Row) string {
	line := string(rune('0'+row.Line/10)) + string(rune('0'+row.Line%10))
	if len(row.Faults) > 0 {
		return line + "! " + row.Faults.Error()
	}
	r := row.Request
	return strings.TrimRight(strings.Join([]string{line, r.Provider, r.PaymentID, r.Amount, r.Currency, r.Reason}, "|"), "|")
}

const head = "provider,payment_id,amount,currency,reason\n"

func TestRowsOfCSV(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a plain row is read":               {head + "u,1,2.00,RUB,why\n", []string{"02|u|1|2.00|RUB|why"}},
		"the last line needs no end":        {head + "u,1,2.00,RUB,why", []string{"02|u|1|2.00|RUB|why"}},
		"CRLF ends a line":                  {strings.ReplaceAll(head+"u,1,2.00,RUB,why\n", "\n", "\r\n"), []string{"02|u|1|2.00|RUB|why"}},
		"a byte order mark is read over":    {"\ufeff" + head + "u,1,2.00,RUB,why\n", []string{"02|u|1|2.00|RUB|why"}},
		"semicolons are taken":              {strings.ReplaceAll(head, ",", ";") + "u;1;2.00;RUB;a, b\n", []string{"02|u|1|2.00|RUB|a, b"}},
		"columns come in any order":         {"currency,reason,payment_id,provider\nRUB,why,1,u\n", []string{"02|u|1||RUB|why"}},
		"a quoted header is a header":       {"\"provider\",\"payment_id\",\"currency\"\nu,1,RUB\n", []string{"02|u|1||RUB"}},
		"quotes hold delimiter and quote":   {head + `u,1,2.00,RUB,"a ""b"", c"` + "\n", []string{`02|u|1|2.00|RUB|a "b", c`}},
		"quotes hold line ends, as LF":      {head + "u,1,2.00,RUB,\"a\r\nb\"\r\nu,2,1,RUB,\n", []string{"02|u|1|2.00|RUB|a\nb", "04|u|2|1|RUB"}},
		"blank lines are no rows":           {"\n\r\n" + head + "\nu,1,2.00,RUB,\n,,,,\n\n", []string{"05|u|1|2.00|RUB"}},
		"only a header is no row":           {head, nil},
		"columns of rejected rows are over": {"provider,line,payment_id,currency,error\nu,7,1,RUB,amount: bad\n", []string{"02|u|1||RUB"}},
		"too few cells are a fault": {head + "u,1,2.00\nu,2,1,RUB,\n",
			[]string{"02! row: has 3 cells where the header has 5", "03|u|2|1|RUB"}},
		"too many cells are a fault": {head + "u,1,2.00,RUB,why,more,more\nu,2,1,RUB,\n",
			[]string{"02! row: has 7 cells where the header has 5", "03|u|2|1|RUB"}},
		"a quote in a bare cell is a fault of its row": {head + "u,1,2.00,RUB,5\" disk\nu,2,1,RUB,\n",
			[]string{"02! row: a quote stands inside of an unquoted cell; put the whole cell in quotes and write its quotes twice", "03|u|2|1|RUB"}},
		"text behind a closing quote is a fault of its row": {head + "u,1,2.00,RUB,\"a\"b\nu,2,1,RUB,\n",
			[]string{"02! row: text follows a closing quote; a quote inside of a quoted cell is written twice", "03|u|2|1|RUB"}},
		"nothing behind an open quote is a row": {head + "u,1,2.00,RUB,\"a\nu,2,1,RUB,\nu,3,1,RUB,\n",
			[]string{"02! row: a quote that is opened on line 2 is never closed; all that follows was read as its cell"}},
		"a NUL byte is a fault": {head + "u,1,2.00,RUB,a\x00b\n", []string{"02! row: cell 5 holds a NUL byte"}},
		"bytes that are not UTF-8 are a fault": {head + "u,1,2.00,RUB,\xc4\xff\nu,2,1,RUB,\n",
			[]string{"02! row: cell 5 is not UTF-8; save the file as UTF-8", "03|u|2|1|RUB"}},
		"a cell over the limit is a fault of its row": {head + "u,1,2.00,RUB," + strings.Repeat("a", batch.MaxCell+1) + "\nu,2,1,RUB,\n",
			[]string{"02! row: cell 5 is longer than 64 KiB", "03|u|2|1|RUB"}},
		"a row over the limit is a fault of its row": {head + strings.Repeat("a,", batch.MaxLine/2+1) + "\nu,2,1,RUB,\n",
			[]string{"02! row: is longer than 1 MiB", "03|u|2|1|RUB"}},
		"JSON in cells is read": {"provider,payment_id,currency,receipt,metadata\nu,1,RUB,\"[{\"\"name\"\":\"\"a\"\",\"\"count\"\":1,\"\"price\"\":100.00}]\",\"{\"\"k\"\":\"\"v\"\"}\"\n",
			[]string{"02|u|1||RUB"}},
		"all faults of a row are told": {"provider,payment_id,currency,receipt,metadata\nu,1,RUB,{},[]\nu,1,RUB,x,\"{\"\"a\"\":1}\"\n",
			[]string{`02! metadata: must be a JSON object of texts, such as {"order":"17"}`,
				`03! receipt: is not readable JSON: invalid character 'x' looking for beginning of value; metadata: must be a JSON object of texts, such as {"order":"17"}`}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, "f.csv", c.text, c.want) })
	}
}

func expect(t *testing.T, name, text string, want []string) {
	t.Helper()
	got, err := read(t, name, text)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFilesThatCantBeUnderstood(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"an empty file":                     {"f.csv", "", "f.csv: is empty; a CSV file needs a header row with at least provider, payment_id, currency"},
		"only a byte order mark":            {"f.csv", "\ufeff", "f.csv: is empty"},
		"only blank lines":                  {"f.jsonl", "\n \r\n", "f.jsonl: is empty"},
		"UTF-16":                            {"f.csv", "\xff\xfep\x00", "f.csv:1: is UTF-16; save it as UTF-8"},
		"an unknown column":                 {"f.csv", "provider,payment_id,currency,sum\n", `f.csv:1: the header has the unknown column "sum" (known are refund_id, provider,`},
		"a column in another spelling":      {"f.csv", "Provider,payment_id,currency\n", `has the unknown column "Provider"`},
		"missing columns":                   {"f.csv", "provider,amount\n", "f.csv:1: the header lacks the column payment_id; lacks the column currency"},
		"a column twice":                    {"f.csv", "provider,payment_id,currency,amount,amount\n", "has the column amount twice"},
		"a column without a name":           {"f.csv", "provider,payment_id,currency,\n", "has no name for column 4"},
		"rows without a header":             {"f.csv", "unitpay,123,100.00,RUB\n", `has the unknown column "unitpay"`},
		"a header after blank lines":        {"f.csv", "\n\nprovider\n", "f.csv:3: the header lacks"},
		"line ends of old Macs":             {"f.csv", "provider,payment_id,currency\ru,1,RUB\r", "lone carriage return"},
		"a quote that is never closed":      {"f.csv", "\"provider,payment_id\nu,1\n", "a quote that is opened on line 1 is never closed"},
		"a first line that is too long":     {"f.csv", strings.Repeat("a", 2*batch.MaxLine), "cell 1 is longer than 64 KiB"},
		"a CSV file as standard input":      {"stdin", "provider\n", "stdin:1: the header lacks"},
		"a file of bytes that mean nothing": {"f.csv", "\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.file, c.text)
			var file *batch.FileError
			if !errors.As(err, &file) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a FileError with %s", err, c.want)
			}
		})
	}
}

func TestLinesOfJSON(t *testing.T) {
	const good = `{"provider":"u","payment_id":"1","amount":"2.00","currency":"RUB"}`
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"an object a line":              {"f.jsonl", good + "\n\n" + good, []string{"01|u|1|2.00|RUB", "03|u|1|2.00|RUB"}},
		"standard input is told by {":   {"stdin", "\ufeff\n" + good + "\r\n", []string{"02|u|1|2.00|RUB"}},
		"version 1 is known":            {"f.jsonl", `{"version":1,` + good[1:], []string{"01|u|1|2.00|RUB"}},
		"another version is not":        {"f.jsonl", `{"version":2,` + good[1:], []string{"01! version: must be 1, is 2"}},
		"a number as amount is refused": {"f.jsonl", `{"amount":2.00}`, []string{"01! amount: must be a JSON string, not a JSON number"}},
		"all unknown fields are told":   {"f.jsonl", `{"sum":"1","Amount":"1"}`, []string{"01! sum: is not a field of a refund; Amount: is not a field of a refund"}},
		"a field twice is refused":      {"f.jsonl", `{"amount":"1","amount":"100"}`, []string{"01! amount: comes twice"}},
		"fields of rejected rows are over": {"f.jsonl", good[:len(good)-1] + `,"line":7,"error":"x"}`,
			[]string{"01|u|1|2.00|RUB"}},
		"a bad line does not stop the others": {"f.jsonl", "nonsense\n[1]\nnull\n" + good + good + "\n{\n" + good,
			[]string{"01! row: must be one JSON object", "02! row: must be one JSON object", "03! row: must be one JSON object",
				"04! row: must be one JSON object with nothing after it", "05! row: is not readable JSON: it ends in its middle", "06|u|1|2.00|RUB"}},
		"a line over the limit is skipped": {"f.jsonl", `{"reason":"` + strings.Repeat("a", batch.MaxLine) + "\"}\n" + good,
			[]string{"01! row: is longer than 1 MiB", "02|u|1|2.00|RUB"}},
		"a request over the limit is refused": {"f.jsonl", `{"reason":"` + strings.Repeat("a", 70<<10) + `"}`,
			[]string{"01! request: must be at most 65536 bytes, is 71693"}},
		"bytes that are not UTF-8 are refused": {"f.jsonl", "{\"reason\":\"\xff\"}\n", []string{"01! request: must be UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c.file, c.text, c.want) })
	}
}

type broken struct{ after io.Reader }

var errDisk = errors.New("the disk is gone")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.after.Read(p)
	if errors.Is(err, io.EOF) {
		err = errDisk
	}
	return n, err
}

func TestAnErrorOfReadingIsNoEndOfFile(t *testing.T) {
	for name, text := range map[string]string{"f.csv": head + "u,1,2.0", "f.jsonl": `{"provider":"u"`} {
		r, err := batch.NewReader(name, broken{strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		if row, err := r.Next(); !errors.Is(err, errDisk) {
			t.Errorf("%s: got %v, %v: half a row was taken for one", name, row, err)
		}
	}
}
