// Package sberbank speaks the RBS gateway of Sberbank acquiring (and of the
// banks that run the same one): autoRefund.do for orders paid in money and
// loyalty points, and getOrderStatusExtended.do. Its facts are Sberbank's public
// documentation, its OpenAPI 1.0.7, and the documentation of those banks.
//
// Amounts on the wire are minor units, money and points together. There is no
// idempotency parameter, and a full refund needs the amount that is left. The
// types of fields waver from bank to bank, and several error codes mean several
// things: the package acts on neither types nor texts.
package sberbank

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

// The configuration keys of this driver.
const (
	keyUser     = "username"
	keyPassword = "password"
	keyLanguage = "language"
)

const maxCredential = 30 // characters, as the gateway limits both

var (
	orderID  = regexp.MustCompile(`^[A-Za-z0-9-]{36}$`)
	guid     = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	language = regexp.MustCompile(`^[a-z]{2}$`)
)

// Driver is the sberbank driver.
type Driver struct{}

// Name returns "sberbank".
func (Driver) Name() string { return "sberbank" }

// Options are username, password and language.
func (Driver) Options() []providers.Option {
	return []providers.Option{
		{Key: keyUser, Kind: providers.SecretText, Required: true, Identity: true, MaxLen: maxCredential, Help: "the merchant's API user"},
		{Key: keyPassword, Kind: providers.SecretText, Required: true, MaxLen: maxCredential, Help: "the API user's password"},
		{Key: keyLanguage, Kind: providers.Text, Default: "ru", MaxLen: 2, Help: "the language of error messages, two letters (ISO 639-1)"},
	}
}

// CanonicalPayment returns the order's id; one in the form of a GUID in lower
// case.
func (Driver) CanonicalPayment(id string) (string, error) {
	switch {
	case !orderID.MatchString(id):
		return "", errors.New("must be the gateway's order id, 36 of A-Za-z0-9-")
	case guid.MatchString(id):
		return strings.ToLower(id), nil
	}
	return id, nil
}

// CheckOrder adds the gateway's rules: it takes no receipt.
func (Driver) CheckOrder(o refund.Order) refund.Invalid {
	var v refund.Invalid
	if o.Receipt != nil {
		v.Add("receipt", "sberbank takes no receipts")
	}
	return v
}

// Open returns the account for the settings.
func (Driver) Open(s providers.Settings) (providers.Account, error) {
	client, err := providers.NewClient(s)
	if err != nil {
		return nil, err
	}
	a := &account{client: client, user: s.Secrets[keyUser], password: s.Secrets[keyPassword], language: s.Texts[keyLanguage]}
	if a.language == "" {
		a.language = "ru"
	}
	if a.user.Empty() || a.password.Empty() {
		return nil, errors.New(keyUser + " and " + keyPassword + " are required")
	}
	if !language.MatchString(a.language) {
		return nil, fmt.Errorf("%s must be two small letters such as ru", keyLanguage)
	}
	return a, nil
}
