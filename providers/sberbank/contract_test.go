package sberbank_test

import (
	"encoding/json"
	"testing"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/sandbox"
	"refundworker/providers/sberbank"
)

func TestContract(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		Driver: sberbank.Driver{}, Company: sandbox.Sberbank, Payment: orderID, Currency: "RUB", Points: 30000,
		Secrets: map[string]string{"username": sandbox.SberbankUser, "password": sandbox.SberbankPassword},
		Success: providers.Succeeded,
		Refusal: func(message string) string {
			b, _ := json.Marshal(map[string]any{"errorCode": "6", "errorMessage": message})
			return string(b)
		},
		Verdicts: map[sandbox.FaultKind]providertest.Verdict{
			// Code 5 and code 7 mean several things each, credentials and internal
			// errors among them.
			sandbox.WrongCredentials: {Refused: true},
			sandbox.InternalBefore:   {Refused: true},
			sandbox.InternalAfter:    {Refused: true},
		},
	})
}
