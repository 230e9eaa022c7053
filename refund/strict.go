package refund

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxNesting is how deep a request's JSON may nest: a receipt's items stand on
// the fourth level.
const maxNesting = 8

// inspect refuses JSON that encoding/json would read in a way of its own: an
// object that says two things under one name, of which it takes the last, so
// that two readers could see two amounts, and values nested deeper than a
// request ever is; also an amount that is
// null, which would read as one that was left out: a full refund. Names are one without case, as encoding/json matches them,
// but not in metadata, whose names are the order system's own. What else is
// wrong is left to the decoder.
func inspect(b []byte) error {
	type level struct {
		names map[string]bool // nil in an array
		exact bool
		name  string // the last one read
		value bool   // a value comes next
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var stack []*level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return nil
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		next := &level{}
		if len(stack) > 0 {
			top := stack[len(stack)-1]
			if top.names != nil && !top.value {
				name, ok := token.(string)
				if !ok {
					return nil
				}
				top.name, top.value = name, true
				if !top.exact {
					// Up and down again, as encoding/json folds: ſ is a spelling of s.
					top.name = strings.ToLower(strings.ToUpper(name))
				}
				if top.names[top.name] {
					return Invalid{{clip(name, maxNamed), "comes twice"}}
				}
				top.names[top.name] = true
				continue
			}
			top.value = false
			if token == nil && len(stack) == 1 && (top.name == "amount" || top.name == "payment_total") {
				return Invalid{{clip(top.name, maxNamed), "must not be null; leave it out instead"}}
			}
			next.exact = top.exact || len(stack) == 1 && top.name == "metadata"
		}
		if delim, ok := token.(json.Delim); ok {
			if len(stack) == maxNesting {
				return Invalid{{"request", fmt.Sprintf("must nest at most %d levels deep", maxNesting)}}
			}
			if delim == '{' {
				next.names = map[string]bool{}
			}
			stack = append(stack, next)
		}
	}
}
