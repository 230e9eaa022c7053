package refund

import (
	"strings"
	"unicode/utf8"
)

// readPlain reads a request that is written as nearly all tasks are: its fields in
// the order of Request, each once, without spaces, escapes and a receipt. Any other
// is for those who can tell what is wrong with it: then ok is false.
func readPlain(text string) (r Request, ok bool) {
	p := plainReader{rest: text, next: "{"}
	if p.field("version") {
		r.Version = p.digit()
	}
	for _, f := range [...]struct {
		name string
		into *string
	}{{"refund_id", &r.RefundID}, {"provider", &r.Provider}, {"payment_id", &r.PaymentID}, {"amount", &r.Amount},
		{"currency", &r.Currency}, {"payment_total", &r.PaymentTotal}, {"reason", &r.Reason}} {
		if p.field(f.name) {
			*f.into = p.text()
		}
	}
	if p.field("metadata") {
		r.Metadata = p.texts()
	}
	return r, !p.odd && p.next == "," && p.rest == "}" && utf8.ValidString(text)
}

// plainReader reads JSON from front to back.
type plainReader struct {
	rest string
	next string // what stands before the next name: a bracket or a comma
	odd  bool   // something else came than what it can read
}

// field reads the name of a field, if it is the one that comes.
func (p *plainReader) field(name string) bool {
	rest, ok := strings.CutPrefix(p.rest, p.next+`"`+name+`":`)
	if ok {
		p.rest, p.next = rest, ","
	}
	return ok
}

// take reads what has to come.
func (p *plainReader) take(s string) {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest, p.odd = rest, p.odd || !ok
}

// digit reads a number of one digit.
func (p *plainReader) digit() int {
	if p.rest == "" || p.rest[0] < '0' || p.rest[0] > '9' {
		p.odd = true
		return 0
	}
	n := int(p.rest[0] - '0')
	p.rest = p.rest[1:]
	return n
}

// text reads a text that stands in JSON as it is.
func (p *plainReader) text() string {
	p.take(`"`)
	end := strings.IndexFunc(p.rest, func(c rune) bool { return c == '"' || c == '\\' || c < ' ' })
	if end < 0 {
		p.odd = true
		return ""
	}
	s := p.rest[:end]
	p.rest = p.rest[end:]
	p.take(`"`)
	return s
}

// texts reads an object of texts, at least one, whose names differ.
func (p *plainReader) texts() map[string]string {
	m := map[string]string{}
	for p.take("{"); !p.odd; p.take(",") {
		name := p.text()
		p.take(":")
		_, twice := m[name]
		p.odd = p.odd || twice
		m[name] = p.text()
		if strings.HasPrefix(p.rest, "}") {
			break
		}
	}
	p.take("}")
	return m
}
