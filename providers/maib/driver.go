// Package maib speaks version 2 of maib's merchant API: a bearer token for a
// client id and secret, JSON in both directions. Its facts are maib's public
// merchant documentation and maib's own .NET, PHP and WooCommerce clients.
//
// A refund that maib answers with Created is recorded, not paid: what became of
// it is asked by its refund id, which a callback only makes happen sooner. There
// is no idempotency key.
package maib

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

// The configuration keys of this driver.
const (
	keyID       = "client_id"
	keySecret   = "client_secret"
	keyCallback = "callback_url"
)

var (
	// MDL for MIA instant payments, all three for cards.
	currencies = []refund.Currency{"MDL", "EUR", "USD"}
	guid       = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// zeroID is what the sandbox has given as a refund id: it identifies nothing.
const zeroID = "00000000-0000-0000-0000-000000000000"

// Driver is the maib driver.
type Driver struct{}

// Name returns "maib".
func (Driver) Name() string { return "maib" }

// Options are client_id, client_secret and callback_url.
func (Driver) Options() []providers.Option {
	return []providers.Option{
		{Key: keyID, Kind: providers.SecretText, Required: true, Identity: true, Help: "the project's client id"},
		{Key: keySecret, Kind: providers.SecretText, Required: true, Help: "the project's client secret"},
		{Key: keyCallback, Kind: providers.Origin, Help: "the worker's public address for maib's callbacks; without it refunds are polled only"},
	}
}

// CanonicalPayment returns the GUID in lower case.
func (Driver) CanonicalPayment(id string) (string, error) {
	canonical, ok := usableID(id)
	if !ok {
		return "", errors.New("must be a GUID such as 8ce09e40-2948-4225-a9c4-f277dbd587ea")
	}
	return canonical, nil
}

// usableID returns a GUID in lower case; false for anything else and for the
// all-zero one.
func usableID(id string) (string, bool) {
	id = strings.ToLower(id)
	return id, guid.MatchString(id) && id != zeroID
}

// CheckOrder adds maib's rules: a reason, one of its currencies, no receipt.
func (Driver) CheckOrder(o refund.Order) refund.Invalid {
	var v refund.Invalid
	if strings.TrimSpace(o.Reason) == "" {
		v.Add("reason", "is required by maib")
	}
	if !slices.Contains(currencies, o.Amount.Currency) {
		v.Add("currency", "must be MDL, EUR or USD at maib")
	}
	if o.Receipt != nil {
		v.Add("receipt", "maib takes no receipts")
	}
	return v
}
