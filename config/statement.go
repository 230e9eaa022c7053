package config

import (
	"refundworker/statement"
)

// statement takes how an account's statement is written. Nothing of it is
// needed: what is left out is taken from the file where that leaves no doubt.
func (b *block) statement() statement.Form {
	f := statement.Form{Columns: map[statement.Field]string{}, Only: map[string][]string{}}
	columns := b.sub("columns")
	for _, field := range statement.Fields {
		if v, ok := columns.text(string(field)); ok && !v.bad {
			if v.text == "" {
				v.fault("is empty; name the column as the statement's header row does, or remove the key")
			}
			f.Columns[field] = v.text
		}
	}
	columns.done()
	only := b.sub("only")
	for _, column := range only.keys {
		if v, ok := only.text(column); ok && !v.bad {
			f.Only[column] = statement.ParseValues(v.text)
		}
	}
	f.SkipLines = b.integer("skip_lines", 0, 0, statement.MaxSkipLines)
	f.OnlyNegative = b.flag("only_negative", false)
	parsed(b, "delimiter", statement.ParseDelimiter, &f.Delimiter)
	parsed(b, "decimal", statement.ParseDecimal, &f.Decimal)
	parsed(b, "amount_unit", statement.ParseUnit, &f.Unit)
	parsed(b, "currency", statement.ParseCurrency, &f.Currency)
	parsed(b, "time_layout", statement.ParseLayout, &f.Layout)
	parsed(b, "time_zone", statement.ParseZone, &f.Zone)
	b.done()
	return f
}

// parsed takes a key's value by a parser whose error is the rule.
func parsed[T any](b *block, key string, parse func(string) (T, error), into *T) {
	v, ok := b.text(key)
	if !ok || v.bad {
		return
	}
	got, err := parse(v.text)
	if err != nil {
		v.faultQuoted("%s", err)
		return
	}
	*into = got
}
