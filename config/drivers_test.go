package config_test

import (
	"errors"

	"refundworker/providers"
	"refundworker/refund"
)

// fake is a driver with a name and options and nothing behind them.
type fake struct {
	name    string
	options []providers.Option
}

func (f fake) Name() string                                       { return f.name }
func (f fake) Options() []providers.Option                        { return f.options }
func (f fake) CanonicalPayment(id string) (string, error)         { return id, nil }
func (f fake) CheckOrder(refund.Order) refund.Invalid             { return nil }
func (f fake) Open(providers.Settings) (providers.Account, error) { return nil, errors.New("a fake") }

// drivers have the options that the example shows.
var drivers = []providers.Driver{
	fake{"unitpay", []providers.Option{
		{Key: "secret_key", Kind: providers.SecretText, Required: true, Identity: true, Help: "the project's secret key"},
		{Key: "param_style", Kind: providers.Text, Default: "nested", Enum: []string{"nested", "flat"}},
		{Key: "one_refund_per_payment", Kind: providers.Flag, Default: "true"},
		{Key: "test", Kind: providers.Flag},
	}},
	fake{"sberbank", []providers.Option{
		{Key: "username", Kind: providers.SecretText, Required: true, Identity: true},
		{Key: "password", Kind: providers.SecretText, Required: true},
		{Key: "language", Kind: providers.Text, MaxLen: 2},
	}},
	fake{"maib", []providers.Option{
		{Key: "client_id", Kind: providers.SecretText, Required: true, Identity: true},
		{Key: "client_secret", Kind: providers.SecretText, Required: true},
		{Key: "callback_url", Kind: providers.Origin},
	}},
}
