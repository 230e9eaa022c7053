package statement

import (
	"fmt"
	"slices"
	"strings"
)

// obvious are the names of columns that leave no doubt, without regard to case,
// spaces, underscores and hyphens.
var obvious = map[Field][]string{
	ID:       {"refundid", "providerrefundid", "idвозврата", "номервозврата"},
	Payment:  {"paymentid", "payid", "idплатежа", "номерплатежа"},
	Amount:   {"amount", "sum", "refundamount", "refundsum", "сумма", "суммавозврата"},
	Currency: {"currency", "refundcurrency", "валюта", "валютавозврата"},
	Time:     {"date", "time", "datetime", "refunddate", "refundedat", "executedat", "дата", "датаивремя", "датавозврата"},
}

var nameSigns = strings.NewReplacer(" ", "", "_", "", "-", "", "\u00a0", "")

func bare(name string) string { return nameSigns.Replace(strings.ToLower(name)) }

// Used is a column that a field is read from.
type Used struct {
	Field    Field
	Column   string
	Detected bool // by its name; else it was named
	at       int
}

// header finds the columns. It returns what is wrong with all of them.
func header(names []string, f Form) (used []Used, only map[int][]string, notes, faults []string) {
	for _, field := range Fields {
		if column := f.Columns[field]; column != "" {
			at, fault := find(names, column)
			if fault != "" {
				faults = append(faults, fault)
				continue
			}
			used = append(used, Used{Field: field, Column: names[at], at: at})
			continue
		}
		if field == Currency && f.Currency != "" {
			continue // it was said
		}
		switch found := detect(names, field); {
		case len(found) == 1:
			used = append(used, Used{Field: field, Column: names[found[0]], Detected: true, at: found[0]})
		case len(found) > 1:
			var quoted []string
			for _, at := range found {
				quoted = append(quoted, fmt.Sprintf("%q", clip(names[at])))
			}
			text := fmt.Sprintf("the columns %s could all be the %s: say which with --map %s=COLUMN or statement.columns", strings.Join(quoted, " and "), field, field)
			if field == Amount {
				faults = append(faults, text)
			} else {
				notes = append(notes, text+"; none is used")
			}
		}
	}
	only = map[int][]string{}
	for column, values := range f.Only {
		at, fault := find(names, column)
		if fault != "" {
			faults = append(faults, fault)
			continue
		}
		only[at] = values
	}
	slices.Sort(faults)
	return used, only, notes, append(faults, lacking(used, names, f, len(faults) > 0)...)
}

// lacking says what a statement can't be compared without.
func lacking(used []Used, names []string, f Form, faulty bool) []string {
	if faulty {
		return nil // the columns that were named wrongly may be those
	}
	has := func(field Field) bool {
		return slices.ContainsFunc(used, func(u Used) bool { return u.Field == field })
	}
	var faults []string
	missing := func(what string, field Field) {
		shown := make([]string, 0, len(names))
		for _, n := range names {
			shown = append(shown, fmt.Sprintf("%q", clip(n)))
		}
		if len(shown) > 12 {
			shown = append(shown[:12], "…")
		}
		faults = append(faults, fmt.Sprintf("no column is known to hold the %s: say which with --map %s=COLUMN or statement.columns; there are %s",
			what, field, strings.Join(shown, ", ")))
	}
	if !has(Amount) {
		missing("amount", Amount)
	}
	if !has(ID) && !has(Payment) {
		missing("refund's id or the payment", Payment)
	}
	if !has(Currency) && f.Currency == "" {
		faults = append(faults, "no column is known to hold the currency: say which with --map currency=COLUMN or statement.columns, or the currency itself with --currency or statement.currency")
	}
	return faults
}

// find is the column of a name: exactly so, else without regard to case.
func find(names []string, column string) (at int, fault string) {
	if i := slices.Index(names, column); i >= 0 && slices.Index(names[i+1:], column) < 0 {
		return i, ""
	}
	found := -1
	for i, n := range names {
		if strings.EqualFold(n, column) {
			if found >= 0 {
				return 0, fmt.Sprintf("the column %q is there twice", clip(column))
			}
			found = i
		}
	}
	if found < 0 {
		return 0, fmt.Sprintf("there is no column %q", clip(column))
	}
	return found, ""
}

func detect(names []string, field Field) []int {
	var found []int
	for i, n := range names {
		if slices.Contains(obvious[field], bare(n)) {
			found = append(found, i)
		}
	}
	return found
}
