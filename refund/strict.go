package refund

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// maxNesting is how deep a request's JSON may nest: a receipt's items stand on
// the fourth level.
const maxNesting = 8

// level is an object or an array that is being read.
type level struct {
	object bool
	exact  bool            // its names differ by case
	value  bool            // a value comes next, not a name
	name   []byte          // the last one, folded unless exact
	names  [][]byte        // all so far, the first ones of many
	many   map[string]bool // the rest
}

// fewNames is up to how many names are looked through one by one.
const fewNames = 16

// twice notes the last name and reports whether it was there before.
func (l *level) twice() bool {
	if slices.ContainsFunc(l.names, func(n []byte) bool { return bytes.Equal(n, l.name) }) || l.many[string(l.name)] {
		return true
	}
	if len(l.names) < fewNames {
		l.names = append(l.names, l.name)
		return false
	}
	if l.many == nil {
		l.many = map[string]bool{}
	}
	l.many[string(l.name)] = true
	return false
}

// inspect refuses JSON that encoding/json would read in a way of its own: an
// object that says two things under one name, of which it takes the last, so
// that two readers could see two amounts, and values nested deeper than a
// request ever is; also an amount that is null, which would read as one that was
// left out: a full refund. Names are one without case, as encoding/json matches
// them, but not in metadata, whose names are the order system's own.
//
// What else is wrong is left to the decoder, which refuses whatever is no JSON: so
// this need not be right about that, and looks at brackets, texts and nulls only.
func inspect(b []byte) error {
	var stack [maxNesting]level
	depth := 0
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
		case '}', ']':
			if depth == 0 {
				return nil
			}
			depth--
			i++
		case '{', '[':
			if depth == maxNesting {
				return Invalid{{"request", fmt.Sprintf("must nest at most %d levels deep", maxNesting)}}
			}
			next := level{object: c == '{'}
			if depth > 0 {
				top := &stack[depth-1]
				next.exact = top.exact || depth == 1 && string(top.name) == "metadata"
				top.value = false
			}
			stack[depth] = next
			depth++
			i++
		case '"':
			end := EndOfText(b, i)
			if end < 0 {
				return nil
			}
			text := b[i:end]
			i = end
			if depth == 0 {
				continue
			}
			top := &stack[depth-1]
			if !top.object || top.value {
				top.value = false
				continue
			}
			name, err := TextOf(text)
			if err != nil {
				return nil
			}
			if top.name, top.value = name, true; !top.exact {
				top.name = FoldName(name)
			}
			if top.twice() {
				return Invalid{{clip(string(name), maxNamed), "comes twice"}}
			}
		default: // a number, true, false or null
			start := i
			for i < len(b) && !strings.ContainsRune(" \t\r\n,:]}[{\"", rune(b[i])) {
				i++
			}
			if depth == 0 {
				continue
			}
			top := &stack[depth-1]
			if top.value = false; depth == 1 && b[start] == 'n' && (string(top.name) == "amount" || string(top.name) == "payment_total") {
				return Invalid{{clip(string(top.name), maxNamed), "must not be null; leave it out instead"}}
			}
		}
	}
	return nil
}
