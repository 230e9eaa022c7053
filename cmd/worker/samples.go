package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"refundworker/refund"
)

func sampleRequests(b []byte) ([]refund.Request, error) {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the sample refunds: %w", err)
	}
	var list []refund.Request
	for _, row := range rows[1:] {
		cell := map[string]string{}
		for i, name := range rows[0] {
			cell[name] = row[i]
		}
		r := refund.Request{RefundID: cell["refund_id"], Provider: cell["provider"], PaymentID: cell["payment_id"], Amount: cell["amount"],
			Currency: cell["currency"], PaymentTotal: cell["payment_total"], Reason: cell["reason"]}
		if text := cell["receipt"]; text != "" {
			if r.Receipt, err = refund.DecodeReceipt([]byte(text)); err != nil {
				return nil, fmt.Errorf("sample refund %s: %w", r.RefundID, err)
			}
		}
		if text := cell["metadata"]; text != "" {
			if err := json.Unmarshal([]byte(text), &r.Metadata); err != nil {
				return nil, fmt.Errorf("sample refund %s: %w", r.RefundID, err)
			}
		}
		list = append(list, r)
	}
	return list, nil
}
