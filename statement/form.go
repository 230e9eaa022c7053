package statement

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // an image without any files knows the time zones all the same

	"refundworker/refund"
)

// Field is what a column of a statement holds.
type Field string

// The fields. A row needs an amount, and an id or a payment.
const (
	ID       Field = "id"      // of the refund, the provider's or ours
	Payment  Field = "payment" // the payment's id at the provider
	Amount   Field = "amount"
	Currency Field = "currency"
	Time     Field = "time" // when the provider refunded
)

// Fields are all fields, in the order in which messages list them.
var Fields = []Field{ID, Payment, Amount, Currency, Time}

// Form says how a statement is written. Its zero value takes all that can be
// told from the file without doubt.
type Form struct {
	Columns   map[Field]string // by the names in the header row
	Delimiter byte             // ',' or ';'; 0: as the header row shows
	SkipLines int              // rows before the header row
	Unit      Unit             // of amounts; empty: major
	Decimal   byte             // '.' or ','; 0: as each amount shows
	Currency  refund.Currency  // where no column holds it
	Layout    string           // of times, as Go writes 2006-01-02 15:04:05; empty: the unambiguous ones
	Zone      *time.Location   // of times without one; nil: UTC
	// Only leaves out rows: in each of these columns one of the values must
	// stand, in upper or lower case.
	Only map[string][]string
	// OnlyNegative leaves out rows whose amount is above zero, in a statement
	// that writes refunds as negative amounts between payments.
	OnlyNegative bool
}

// Over returns the form with what the other one says in its place.
func (f Form) Over(o Form) Form {
	f.Columns, f.Only = maps.Clone(f.Columns), maps.Clone(f.Only)
	if f.Columns == nil {
		f.Columns = map[Field]string{}
	}
	maps.Copy(f.Columns, o.Columns)
	if f.Only == nil {
		f.Only = map[string][]string{}
	}
	maps.Copy(f.Only, o.Only)
	f.Delimiter, f.Decimal = cmp.Or(o.Delimiter, f.Delimiter), cmp.Or(o.Decimal, f.Decimal)
	f.SkipLines, f.Currency = cmp.Or(o.SkipLines, f.SkipLines), cmp.Or(o.Currency, f.Currency)
	f.Layout, f.Zone = cmp.Or(o.Layout, f.Layout), cmp.Or(o.Zone, f.Zone)
	f.Unit = cmp.Or(o.Unit, f.Unit)
	f.OnlyNegative = f.OnlyNegative || o.OnlyNegative
	return f
}

func (f Form) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// MaxSkipLines bounds the rows before a header row.
const MaxSkipLines = 1000

// ParseColumns reads "id=Refund No,amount=Sum".
func ParseColumns(s string) (map[Field]string, error) {
	columns := map[Field]string{}
	for part := range strings.SplitSeq(s, ",") {
		name, column, ok := strings.Cut(part, "=")
		field, column := Field(strings.TrimSpace(name)), strings.TrimSpace(column)
		switch {
		case !ok || column == "":
			return nil, fmt.Errorf("must be FIELD=COLUMN,…, such as id=Refund,amount=Sum")
		case !slices.Contains(Fields, field):
			return nil, fmt.Errorf("%q is no field; write one of %s", clip(string(field)), list(Fields))
		case columns[field] != "":
			return nil, fmt.Errorf("%s is named twice", field)
		}
		columns[field] = column
	}
	return columns, nil
}

// ParseValues reads the values of Only: "refund|chargeback".
func ParseValues(s string) []string { return strings.Split(s, "|") }

// ParseDelimiter reads "," or ";".
func ParseDelimiter(s string) (byte, error) {
	if s == "," || s == ";" {
		return s[0], nil
	}
	return 0, fmt.Errorf("must be , or ;")
}

// ParseDecimal reads "." or ",".
func ParseDecimal(s string) (byte, error) {
	if s == "." || s == "," {
		return s[0], nil
	}
	return 0, fmt.Errorf("must be . or ,")
}

// Unit is what amounts are counted in.
type Unit string

// The units.
const (
	Major Unit = "major" // 100.00
	Minor Unit = "minor" // 10000
)

// ParseUnit reads a unit.
func ParseUnit(s string) (Unit, error) {
	if u := Unit(s); u == Major || u == Minor {
		return u, nil
	}
	return "", fmt.Errorf("must be major (100.00) or minor (10000)")
}

// ParseCurrency reads an ISO 4217 code, as letters or as a number.
func ParseCurrency(s string) (refund.Currency, error) {
	c := refund.Currency(strings.ToUpper(s))
	if _, ok := c.Exponent(); ok {
		return c, nil
	}
	if c, ok := refund.CurrencyByNumber(s); ok {
		return c, nil
	}
	return "", fmt.Errorf("%q is no ISO 4217 code such as RUB or 643", clip(s))
}

// ParseLayout checks a layout of Go: one that can't hold a day tells no time.
func ParseLayout(s string) (string, error) {
	sample := time.Date(2031, 12, 29, 21, 48, 37, 0, time.UTC)
	read, err := time.Parse(s, sample.Format(s))
	if err != nil || read.Year() != 2031 || read.YearDay() != sample.YearDay() {
		return "", fmt.Errorf("must be a layout of Go with day, month and year, such as 02.01.2006 15:04:05")
	}
	return s, nil
}

// ParseZone reads a name of the time zone database.
func ParseZone(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		return nil, fmt.Errorf("must be a time zone such as Europe/Moscow or UTC")
	}
	return zone, nil
}

func list[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// clip keeps what a message quotes of a file short.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
