package tasks

import (
	"strconv"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

// resultOf is what a finished task shows of its refund, a JSON object as
// encoding/json writes one. Every refund has one written.
func resultOf(rec *journal.Record) []byte {
	moved := ""
	if rec.Moved != nil {
		moved = rec.Money(*rec.Moved)
	}
	b := refund.AppendTexts(append(make([]byte, 0, 320), '{'), "refund_id", rec.ID, "state", string(rec.State), "amount", rec.Asked, "amount_moved", moved,
		"currency", string(rec.Currency), "reason_code", rec.ReasonCode, "provider_refund_id", rec.ProviderRefundID)
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(rec.Attempts), 10)
	b = rec.Updated.AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano)
	return append(b, `"}`...)
}
