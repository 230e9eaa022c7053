package tasks

import (
	"encoding/json"
	"fmt"
	"strings"

	"refundworker/config"
	"refundworker/refund"
)

// Type is the type of a refund's task.
const Type = "refund:process"

// PayloadVersion is the version of the payload that this code reads and writes.
const PayloadVersion = 1

// Queue is the queue of a provider's refunds.
func Queue(provider string) string { return provider }

// BulkQueue is the queue of refunds that came in a file; it yields to Queue.
func BulkQueue(provider string) string { return provider + config.BulkSuffix }

// Queues are both, the one that goes first before the other.
func Queues(provider string) []string { return []string{Queue(provider), BulkQueue(provider)} }

// queueProvider is the provider whose refunds a queue carries.
func queueProvider(queue string) string { return strings.TrimSuffix(queue, config.BulkSuffix) }

// Encode writes a checked order as a task's payload.
func Encode(o refund.Order) ([]byte, error) {
	r := refund.Request{Version: PayloadVersion, RefundID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID,
		Amount: o.Asked, Currency: string(o.Amount.Currency), Reason: o.Reason, Receipt: o.Receipt, Metadata: o.Metadata}
	if o.Total.Minor > 0 {
		r.PaymentTotal = o.Total.String()
	}
	return json.Marshal(r)
}

// Decode reads a task's payload, strictly.
func Decode(b []byte) (refund.Request, error) {
	r, err := refund.DecodeRequest(b)
	if err == nil && r.Version != PayloadVersion {
		err = refund.Invalid{{Field: "version", Rule: fmt.Sprintf("must be %d, is %d", PayloadVersion, r.Version)}}
	}
	return r, err
}
