package providers

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"refundworker/refund"
)

// Driver speaks one company's protocol. It holds no secrets and no state, so
// that producers can use its rules too.
type Driver interface {
	refund.Rules
	// Name is what the configuration says under "driver".
	Name() string
	// Options are the configuration keys this driver adds to the common ones.
	Options() []Option
	// Open returns the account for the settings, which were checked against
	// Options. It does no I/O.
	Open(s Settings) (Account, error)
}

// Account is one merchant account. All methods may be called concurrently.
type Account interface {
	// Refund calls the provider's refund endpoint once. It returns within the
	// attempt's deadline, sends nothing after it, and never repeats anything.
	Refund(ctx context.Context, a Attempt) Outcome
}

// PaymentStatuser is an Account that can say how much of a payment has been
// refunded. Errors are of type *LookupError.
type PaymentStatuser interface {
	PaymentStatus(ctx context.Context, q PaymentQuery) (PaymentStatus, error)
}

// RefundStatuser is an Account that can say where one refund stands, by the
// provider's id of it. Errors are of type *LookupError.
type RefundStatuser interface {
	RefundStatus(ctx context.Context, providerRefundID string) (RefundStatus, error)
}

// AmountNeeder is an Account whose full refunds need the amount left.
type AmountNeeder interface{ NeedsAmount() bool }

// SameAmountGuard is an Account whose provider refuses the same amount for the
// same payment for this long after it paid it.
type SameAmountGuard interface{ SameAmountGuard() time.Duration }

// Prober is an Account with a harmless call that needs valid credentials. nil
// means that they work; else a *LookupError.
type Prober interface {
	Probe(ctx context.Context) error
}

// CallbackReceiver is an Account that is told an address per refund.
type CallbackReceiver interface {
	// CallbackURL is the address for this refund, with a path that nobody can
	// guess; empty when the configuration gives no public address.
	CallbackURL(refundID string) string
	// KnowsCallback reports whether token is the one in CallbackURL(refundID),
	// in constant time.
	KnowsCallback(refundID, token string) bool
}

// Attempt is one call to make. Amounts are in minor units of Currency.
type Attempt struct {
	RefundID  string
	Number    int
	PaymentID string
	Full      bool
	Minor     int64 // the amount; for a full refund what is left, if known, else 0
	Currency  refund.Currency
	Reason    string
	Receipt   *refund.Receipt
	Deadline  time.Time // nothing may leave after it
}

// PaymentQuery names the payment to look up.
type PaymentQuery struct {
	PaymentID string
	Currency  refund.Currency
}

// PaymentStatus is what the provider says of a payment, in minor units. A
// figure that it does not give is nil: nil never means zero.
type PaymentStatus struct {
	Refunded   *int64 // given back so far
	Requested  *int64 // asked for, and not yet given back; nil if it does not count those
	Refundable *int64 // what is left to give back
	Currency   refund.Currency
}

// Total returns refunded plus requested, the figure that attempts are compared
// by; false if the provider does not say how much is refunded.
func (s PaymentStatus) Total() (int64, bool) {
	if s.Refunded == nil {
		return 0, false
	}
	total := *s.Refunded
	if s.Requested != nil {
		total += *s.Requested
	}
	return total, true
}

// RefundStatus is what the provider says of one refund.
type RefundStatus struct {
	Progress Progress
	Minor    *int64 // its amount in minor units, if said
	Raw      string // the provider's own word, scrubbed
	// Unsupported: there is no such lookup for this refund, which proves nothing.
	// Set by the worker from a LookupError; accounts leave it alone.
	Unsupported bool
}

// Progress is how far a refund has come at the provider.
type Progress int

// The zero value is Unclear: a word that we do not know proves nothing.
const (
	Unclear  Progress = iota
	Pending           // recorded or being worked on
	Done              // money is on its way back
	Rejected          // it will not be paid
	Manual            // a person at the provider must act
)

// LookupError is why a status is not known. Kind is one of Unknown,
// Unavailable, RateLimited, Misconfigured; Unsupported says that this lookup
// does not exist for this payment, which proves nothing about money.
type LookupError struct {
	Kind        Kind
	Unsupported bool
	Code        string
	Message     string // scrubbed
	RetryAfter  time.Duration
}

// Error returns the code and the message.
func (e *LookupError) Error() string { return e.Code + ": " + e.Message }

// Option is one configuration key of a driver.
type Option struct {
	Key      string
	Kind     OptionKind
	Required bool
	Identity bool     // tells one account from another at the same base URL
	Default  string   // as written in the file
	Enum     []string // allowed values of a Text option; nil for any
	MaxLen   int      // characters; 0 for the common limit of 500
	Help     string
}

// OptionKind is the type of an option's value.
type OptionKind int

// The kinds of option.
const (
	Text OptionKind = iota
	SecretText
	Flag   // true or false
	Origin // an http(s) URL; http only on loopback unless allow_insecure
)

// Settings is one provider's checked configuration.
type Settings struct {
	Name    string // the provider's configured name
	BaseURL *url.URL
	Timeout time.Duration // of one call
	Texts   map[string]string
	Secrets map[string]Secret
	Flags   map[string]bool
	// Observe is called after every HTTP call, if set: the operation's name
	// ("refund", "status", "token") and how long it took.
	Observe func(operation string, took time.Duration)
	// Throttle is called before an HTTP call that the caller did not count,
	// such as a token's renewal, if set; it waits for the rate limit.
	Throttle func(ctx context.Context) error
	// RootCAs is a PEM file of further certificate authorities; empty for the
	// system's.
	RootCAs string
	// Transport replaces the network in tests; nil for the real one.
	Transport http.RoundTripper
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}
