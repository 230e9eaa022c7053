package unitpay_test

import (
	"encoding/json"
	"testing"

	"refundworker/providers"
	"refundworker/providers/providertest"
	"refundworker/providers/sandbox"
	"refundworker/providers/unitpay"
)

func TestContract(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		Driver: unitpay.Driver{}, Company: sandbox.UnitPay, Payment: "1234512345", Currency: "RUB",
		Secrets: map[string]string{"secret_key": sandbox.UnitPaySecret},
		Success: providers.Succeeded,
		Refusal: func(message string) string {
			b, _ := json.Marshal(map[string]any{"error": map[string]any{"message": message, "code": -32602}})
			return string(b)
		},
	})
}
