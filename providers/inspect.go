package providers

import (
	"bytes"
	"errors"

	"refundworker/refund"
)

const maxNesting = 32

// level is an object or an array that is being read.
type level struct {
	object bool
	name   string // folded, of the value that comes next
	named  bool   // a value comes next, not a name
	first  saying
	more   map[string][]byte // what else was said, by name: many objects say one thing only
}

// saying is a value, as it is written, under its folded name.
type saying struct {
	name  string
	value []byte
}

// agrees notes the value that comes under the level's name, unless there was another,
// and reports whether they are the same.
func (l *level) agrees(value []byte) bool {
	earlier, twice := l.more[l.name]
	switch {
	case l.first.value == nil:
		l.first = saying{l.name, value}
		return true
	case l.first.name == l.name:
		return same(l.first.value, value)
	case twice:
		return same(earlier, value)
	case l.more == nil:
		l.more = map[string][]byte{}
	}
	l.more[l.name] = value
	return true
}

// inspect finds objects that say two things under one name, and values nested too
// deeply. It looks at brackets, texts and words only: what is no JSON it may let
// pass, because json.Unmarshal refuses it.
func inspect(body []byte) error {
	stack := make([]level, 0, 4)
	for i := 0; i < len(body); {
		start := i
		switch body[i] {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		case '}', ']':
			if len(stack) == 0 {
				return nil
			}
			stack = stack[:len(stack)-1]
			i++
			continue
		case '{', '[':
			i++
		case '"':
			if i = refund.EndOfText(body, i); i < 0 {
				i = len(body)
			}
		default: // a number, true, false or null
			i = endOfWord(body, i)
		}
		value := body[start:i]
		if len(stack) > 0 && stack[len(stack)-1].object {
			top := &stack[len(stack)-1]
			if !top.named {
				top.name, top.named = string(refund.FoldName(textOf(value))), true
				continue
			}
			top.named = false
			if !top.agrees(value) {
				return errors.New("an object says two things under one name")
			}
		}
		if value[0] == '{' || value[0] == '[' {
			if len(stack) == maxNesting {
				return errors.New("nested too deeply")
			}
			stack = append(stack, level{object: value[0] == '{'})
		}
	}
	return nil
}

// endOfWord is behind the number or word that begins at i.
func endOfWord(body []byte, i int) int {
	if n := bytes.IndexAny(body[i:], " \t\r\n,:]}[{\""); n >= 0 {
		return i + n
	}
	return len(body)
}

// same reports whether two values are one text, number or word.
func same(a, b []byte) bool {
	switch {
	case a[0] == '{' || a[0] == '[':
		return false
	case a[0] == '"' && b[0] == '"':
		return bytes.Equal(textOf(a), textOf(b))
	}
	return bytes.Equal(a, b)
}

// textOf is what a JSON text stands for; empty for what is none.
func textOf(text []byte) []byte {
	if len(text) < 2 {
		return nil
	}
	said, err := refund.TextOf(text)
	if err != nil {
		return nil
	}
	return said
}
