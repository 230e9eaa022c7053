package sandbox

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"refundworker/refund"
)

// paymentLine is a Payment as people write it: amounts in major units.
type paymentLine struct {
	Company        string `json:"company"`
	ID             string `json:"id"`
	Amount         string `json:"amount"`
	Points         string `json:"points,omitempty"`
	Currency       string `json:"currency,omitempty"`
	Status         string `json:"status,omitempty"`
	Test           bool   `json:"test,omitempty"`
	NoPartial      bool   `json:"no_partial,omitempty"`
	OneRefund      bool   `json:"one_refund,omitempty"`
	NoLookup       bool   `json:"no_lookup,omitempty"`
	NoRefundLookup bool   `json:"no_refund_lookup,omitempty"`
	NoFigures      bool   `json:"no_figures,omitempty"`
	StatusLag      string `json:"status_lag,omitempty"` // "5s"
}

// maxPaymentFile is the largest file of payments that is read.
const maxPaymentFile = 64 << 20

// ReadPayments reads payments from a JSON array of objects, or from CSV with a
// header row of the same names: company, id, amount, points, currency, status,
// test, no_partial, one_refund, no_lookup, no_refund_lookup, no_figures,
// status_lag. Amounts are decimals in major units.
func ReadPayments(r io.Reader) ([]Payment, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxPaymentFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxPaymentFile:
		return nil, fmt.Errorf("a file of payments may have at most %d bytes", maxPaymentFile)
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if trimmed := bytes.TrimLeft(content, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return readPaymentsJSON(content)
	}
	return readPaymentsCSV(content)
}

func readPaymentsJSON(content []byte) ([]Payment, error) {
	var lines []paymentLine
	if err := decodeStrict(content, &lines); err != nil {
		return nil, err
	}
	payments := make([]Payment, 0, len(lines))
	for i, line := range lines {
		p, err := line.payment()
		if err != nil {
			return nil, fmt.Errorf("payment %d: %w", i+1, err)
		}
		payments = append(payments, p)
	}
	return payments, nil
}

func readPaymentsCSV(content []byte) ([]Payment, error) {
	reader := csv.NewReader(bytes.NewReader(content))
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("payments need a header row: %w", err)
	}
	var payments []Payment
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return payments, nil
		}
		if err != nil {
			return nil, err
		}
		number, _ := reader.FieldPos(0)
		p, err := paymentOfRow(header, cells)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		payments = append(payments, p)
	}
}

var flagColumns = []string{"test", "no_partial", "one_refund", "no_lookup", "no_refund_lookup", "no_figures"}

// paymentOfRow goes through JSON, so that both forms have the same names.
func paymentOfRow(header, cells []string) (Payment, error) {
	row := map[string]any{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case cells[i] == "":
		case !slices.Contains(flagColumns, name):
			row[name] = cells[i]
		case cells[i] != "true" && cells[i] != "false":
			return Payment{}, fmt.Errorf("%s must be true or false", name)
		default:
			row[name] = cells[i] == "true"
		}
	}
	object, err := json.Marshal(row)
	if err != nil {
		return Payment{}, err
	}
	var line paymentLine
	if err := decodeStrict(object, &line); err != nil {
		return Payment{}, err
	}
	return line.payment()
}

func (l paymentLine) payment() (Payment, error) {
	p := Payment{Company: l.Company, ID: l.ID, Currency: strings.ToUpper(l.Currency), Status: l.Status, Test: l.Test,
		NoPartial: l.NoPartial, OneRefund: l.OneRefund, NoLookup: l.NoLookup, NoRefundLookup: l.NoRefundLookup, NoFigures: l.NoFigures}
	if p.Currency == "" {
		p.Currency = currencyOf(p.Company)
	}
	for _, part := range []struct {
		name, text string
		to         *int64
	}{{"amount", l.Amount, &p.Minor}, {"points", l.Points, &p.PointsMinor}} {
		if part.text == "" {
			continue
		}
		m, err := refund.ParseMoney(part.text, refund.Currency(p.Currency))
		if err != nil {
			return p, fmt.Errorf("%s: %w", part.name, err)
		}
		*part.to = m.Minor
	}
	if l.StatusLag != "" {
		lag, err := time.ParseDuration(l.StatusLag)
		if err != nil || lag < 0 {
			return p, errors.New("status_lag must be a duration such as 5s")
		}
		p.StatusLag = lag
	}
	return p, p.check()
}

func currencyOf(company string) string {
	if company == Maib {
		return "MDL"
	}
	return "RUB"
}

// decodeStrict reads one JSON value with no unknown field and nothing after it.
func decodeStrict(content []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}
