package providers

import (
	"bytes"
	"errors"

	"refundworker/refund"
)

const maxNesting = 32

// level is an object or an array that is being read.
type level struct {
	said  map[string][]byte // values by folded name, as they are written; nil for an array
	name  string            // of the value that comes next
	named bool              // a value comes next, not a name
}

// inspect finds objects that say two things under one name, and values nested too
// deeply. It looks at brackets, texts and words only: what is no JSON it may let
// pass, because json.Unmarshal refuses it.
func inspect(body []byte) error {
	var stack []level
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
		if len(stack) > 0 && stack[len(stack)-1].said != nil {
			top := &stack[len(stack)-1]
			if !top.named {
				top.name, top.named = string(refund.FoldName(textOf(value))), true
				continue
			}
			top.named = false
			if earlier, twice := top.said[top.name]; twice && !same(earlier, value) {
				return errors.New("an object says two things under one name")
			}
			top.said[top.name] = value
		}
		if value[0] == '{' || value[0] == '[' {
			if len(stack) == maxNesting {
				return errors.New("nested too deeply")
			}
			next := level{}
			if value[0] == '{' {
				next.said = map[string][]byte{}
			}
			stack = append(stack, next)
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
