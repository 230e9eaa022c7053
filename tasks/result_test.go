package tasks_test

import (
	"encoding/json"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// FuzzResult holds what a finished task shows of its refund against encoding/json, and
// against what the refund's view says.
func FuzzResult(f *testing.F) {
	f.Add("r-1", "succeeded", "100.00", "RUB", "", "123456789", int64(10000), true, int64(1767268800123))
	f.Add("r-1", "declined", "", "JPY", "nothing_left", "", int64(0), false, int64(1767268800000))
	f.Add("<&>", "\"", "\\", "\u2028", "\x00\xff", "возврат", int64(-1), true, int64(0))
	f.Fuzz(func(t *testing.T, id, state, amount, currency, code, providerID string, minor int64, moved bool, at int64) {
		rec := &journal.Record{ID: id, State: refund.State(state), Asked: amount, Currency: refund.Currency(currency), ReasonCode: code,
			ProviderRefundID: providerID, Attempts: int(minor % 100), Updated: time.UnixMilli(at % 1e14).UTC()}
		if moved {
			rec.Moved = &minor
		}
		v := rec.View()
		want, err := json.Marshal(struct {
			RefundID         string       `json:"refund_id"`
			State            refund.State `json:"state"`
			Amount           string       `json:"amount"`
			AmountMoved      string       `json:"amount_moved"`
			Currency         string       `json:"currency"`
			ReasonCode       string       `json:"reason_code"`
			ProviderRefundID string       `json:"provider_refund_id"`
			Attempts         int          `json:"attempts"`
			At               time.Time    `json:"at"`
		}{v.RefundID, v.State, v.Amount, v.AmountMoved, v.Currency, v.ReasonCode, v.ProviderRefundID, rec.Attempts, v.UpdatedAt})
		if err != nil {
			t.Fatal(err)
		}
		if got := tasks.ResultOf(rec); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
