package refund

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of a request's fields, in characters or bytes as said.
const (
	MaxID       = 64       // characters of a refund id
	MaxReason   = 500      // characters
	MaxMetadata = 2 << 10  // bytes of keys and values together
	MaxRequest  = 64 << 10 // bytes of a request's JSON, receipt and all
)

// Request asks for a refund. It is what order systems write: in Go, as a task's
// payload, as a line of JSON. Decimals are strings; a JSON number is refused.
type Request struct {
	Version      int               `json:"version,omitempty"` // 1, or absent outside of a task payload
	RefundID     string            `json:"refund_id,omitempty"`
	Provider     string            `json:"provider"`
	PaymentID    string            `json:"payment_id"`
	Amount       string            `json:"amount,omitempty"` // major units, "100.00"; empty: all that is left
	Currency     string            `json:"currency"`
	PaymentTotal string            `json:"payment_total,omitempty"` // major units; caps the sum of the payment's refunds
	Reason       string            `json:"reason,omitempty"`
	Receipt      *Receipt          `json:"receipt,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

// Order is a Request that was checked, in canonical form.
type Order struct {
	RefundID  string
	Provider  string
	PaymentID string // the driver's canonical form
	Asked     string // the amount as it was written; empty: full
	Full      bool
	Amount    Money // Minor is 0 for a full refund; Currency is always set
	Total     Money // Minor is 0 when the payment's total was not given
	Reason    string
	Receipt   *Receipt
	Metadata  map[string]string
}

// Rules are what a provider's driver adds to the common rules.
type Rules interface {
	// CanonicalPayment returns the payment id in the form that tells two
	// spellings of one payment to be one, or an error that states the rule.
	CanonicalPayment(id string) (string, error)
	// CheckOrder adds the faults of an order that is otherwise in order.
	CheckOrder(o Order) Invalid
}

// NewID makes a time-ordered refund id.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// ValidID reports whether s may be a refund id.
func ValidID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxID
}

// Check returns the canonical Order, or Invalid with every fault found. An
// absent refund id stays absent.
func (r Request) Check(rules Rules) (Order, error) {
	var v Invalid
	o := Order{RefundID: r.RefundID, Provider: r.Provider, Asked: r.Amount, Full: r.Amount == "",
		Reason: r.Reason, Receipt: r.Receipt, Metadata: r.Metadata}
	if r.RefundID != "" && !ValidID(r.RefundID) {
		v.Add("refund_id", fmt.Sprintf("must be 1 to %d of A-Za-z0-9._-", MaxID))
	}
	if r.Provider == "" {
		v.Add("provider", "is required")
	}
	if r.PaymentID == "" {
		v.Add("payment_id", "is required")
	} else if canonical, err := rules.CanonicalPayment(r.PaymentID); err != nil {
		v.Add("payment_id", err.Error())
	} else if canonical == "" {
		v.Add("payment_id", "names no payment")
	} else {
		o.PaymentID = canonical
	}
	r.checkMoney(&o, &v)
	if n := utf8.RuneCountInString(r.Reason); n > MaxReason {
		v.Add("reason", fmt.Sprintf("must have at most %d characters, has %d", MaxReason, n))
	}
	if !utf8.ValidString(r.Reason) || hasControl(r.Reason) {
		v.Add("reason", "must be UTF-8 text without control characters")
	}
	r.checkMetadata(&v)
	if len(v) == 0 {
		v = append(v, rules.CheckOrder(o)...)
	}
	return o, v.Err()
}

func (r Request) checkMoney(o *Order, v *Invalid) {
	c := Currency(strings.ToUpper(r.Currency))
	if _, ok := c.Exponent(); !ok {
		if r.Currency == "" {
			v.Add("currency", "is required")
		} else {
			v.Add("currency", fmt.Sprintf("must be an ISO 4217 code such as RUB, not %q", clip(r.Currency, 10)))
		}
		return
	}
	o.Amount.Currency, o.Total.Currency = c, c
	if !o.Full {
		m, err := ParseMoney(r.Amount, c)
		switch {
		case err != nil:
			v.Add("amount", err.Error())
		case m.Minor == 0:
			v.Add("amount", "must be more than zero; leave it out for a full refund")
		default:
			o.Amount = m
		}
	}
	if r.PaymentTotal != "" {
		m, err := ParseMoney(r.PaymentTotal, c)
		switch {
		case err != nil:
			v.Add("payment_total", err.Error())
		case m.Minor == 0:
			v.Add("payment_total", "must be more than zero")
		default:
			o.Total = m
			if o.Amount.Minor > m.Minor {
				v.Add("payment_total", fmt.Sprintf("is %s, less than the amount of %s", m, o.Amount))
			}
		}
	}
}

func (r Request) checkMetadata(v *Invalid) {
	size := 0
	for k, val := range r.Metadata {
		size += len(k) + len(val)
		if !utf8.ValidString(k) || !utf8.ValidString(val) {
			v.Add("metadata", "must be UTF-8 text")
			return
		}
	}
	if size > MaxMetadata {
		v.Add("metadata", fmt.Sprintf("must be at most %d bytes in all, is %d", MaxMetadata, size))
	}
}

func hasControl(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) >= 0
}

// maxNamed is how much of an unknown field's name an error repeats, in bytes:
// errors end up in logs and on the queue.
const maxNamed = 64

// DecodeRequest reads one JSON object strictly: unknown fields, fields that
// come twice, content after it, deep nesting, and anything over MaxRequest are
// errors. They are of type Invalid.
func DecodeRequest(b []byte) (Request, error) {
	var r Request
	if len(b) > MaxRequest {
		return r, Invalid{{"request", fmt.Sprintf("must be at most %d bytes, is %d", MaxRequest, len(b))}}
	}
	if r, ok := readPlain(string(b)); ok {
		return r, nil
	}
	return readStrictly(b)
}

func readStrictly(b []byte) (r Request, err error) {
	if err := inspect(b); err != nil {
		return r, err
	}
	err = decodeStrict(b, &r)
	return r, err
}

func decodeStrict(b []byte, into any) error {
	if !utf8.Valid(b) {
		return Invalid{{"request", "must be UTF-8"}}
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return decodeFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Invalid{{"request", "must be one JSON object with nothing after it"}}
	}
	return nil
}

func decodeFault(err error) error {
	var invalid Invalid
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &typ) && typ.Field != "":
		return Invalid{{clip(typ.Field, maxNamed), fmt.Sprintf("must be %s, not a JSON %s", jsonName(typ.Type.Kind().String()), clip(typ.Value, maxNamed))}}
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return Invalid{{clip(field, maxNamed), "is not a field of a refund"}}
	}
	return Invalid{{"request", "is not readable JSON: " + err.Error()}}
}

func jsonName(kind string) string {
	switch kind {
	case "string":
		return "a JSON string"
	case "int":
		return "a whole number"
	case "map", "struct":
		return "a JSON object"
	}
	return "a JSON " + kind
}
