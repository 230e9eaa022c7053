package providers

import "fmt"

// Secret is a credential. Every way of printing or encoding it gives
// [redacted]; only Reveal gives the value, and only drivers call it, on the way
// to the wire.
//
// The value stands behind a pointer because fmt calls no methods on unexported
// fields: a struct that holds a Secret prints an address, not the credential.
// So Secrets are not comparable by ==.
type Secret struct{ value *string }

const redacted = "[redacted]"

// NewSecret wraps a credential.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the credential.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no credential.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted].
func (s Secret) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns [redacted], for JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
