package maib_test

import (
	"encoding/json"
	"testing"

	"refundworker/providers"
	"refundworker/providers/maib"
	"refundworker/providers/providertest"
	"refundworker/providers/sandbox"
)

func TestContract(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		Driver: maib.Driver{}, Company: sandbox.Maib, Payment: payID, Currency: "MDL",
		Secrets: map[string]string{"client_id": sandbox.MaibClientID, "client_secret": sandbox.MaibClientSecret},
		Success: providers.Accepted,
		Refusal: func(message string) string {
			b, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{"errorCode": "14005", "errorMessage": message}}, "ok": false})
			return string(b)
		},
	})
}
