package providers

import (
	"bytes"
	"encoding/json"
	"errors"

	"refundworker/refund"
)

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
		text, err := refund.TextOf(b)
		if err == nil {
			*s = Scalar(text)
		}
		return err
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
