package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"refundworker/refund"
)

const maxNesting = 32

// Decode reads one JSON value with nothing after it. It refuses values nested
// deeper than 32, and objects that say two things under one name (names count
// without case, as Go matches them so): an answer that contradicts itself must
// not be read as whichever half comes last.
func Decode(body []byte, into any) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if err := inspect(body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

type level struct {
	names map[string]json.Token // by folded name; nil for an array
	name  string
	key   bool // a name comes next
}

func inspect(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var stack []*level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(stack) == 0 {
			return nil // json.Unmarshal refuses none or several values
		}
		if err != nil {
			return err
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if len(stack) > 0 && stack[len(stack)-1].names != nil {
			top := stack[len(stack)-1]
			if top.key {
				// Up and down again, as encoding/json folds: ſ is a spelling of s.
				top.name, top.key = strings.ToLower(strings.ToUpper(token.(string))), false
				continue
			}
			top.key = true
			if earlier, twice := top.names[top.name]; twice {
				if _, composite := token.(json.Delim); composite || earlier != token {
					return errors.New("an object says two things under one name")
				}
			}
			top.names[top.name] = token
		}
		if delim, ok := token.(json.Delim); ok {
			if len(stack) == maxNesting {
				return errors.New("nested too deeply")
			}
			next := &level{}
			if delim == '{' {
				next.names, next.key = map[string]json.Token{}, true
			}
			stack = append(stack, next)
		}
	}
}

// Scalar is a JSON string, number or boolean as text, for fields whose type
// wavers from answer to answer: "0", 0; true, "true". Null leaves it as it is;
// use a pointer to tell an absent one. An object or array is an error.
type Scalar string

// UnmarshalJSON keeps a number's digits as they are written.
func (s *Scalar) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(s))
	case b[0] == '{' || b[0] == '[':
		return errors.New("a string, number or boolean is expected")
	}
	*s = Scalar(b)
	return nil
}

// Minor reads an amount in major units. nil, which is not zero, if there is
// none or it is not a plain amount of the currency: a negative one, say.
func (s *Scalar) Minor(currency refund.Currency) *int64 {
	if s == nil {
		return nil
	}
	m, err := refund.ParseMoney(string(*s), currency)
	if err != nil {
		return nil
	}
	return &m.Minor
}
