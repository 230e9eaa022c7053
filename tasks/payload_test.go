package tasks_test

import (
	"errors"
	"strings"
	"testing"

	"refundworker/config"
	"refundworker/providers/unitpay"
	"refundworker/refund"
	"refundworker/tasks"
)

// FuzzPayload sends requests through a task's payload: what the worker reads is
// what was enqueued, to the digest.
func FuzzPayload(f *testing.F) {
	f.Add("r-1", "0042", "100.0", "rub", "500", "returned", "order", "7", "Tea", "1", "100.00")
	f.Fuzz(func(t *testing.T, id, payment, amount, currency, total, reason, key, val, name, count, price string) {
		r := refund.Request{RefundID: id, Provider: "unitpay", PaymentID: payment, Amount: amount, Currency: currency, PaymentTotal: total,
			Reason: reason, Metadata: map[string]string{key: val}}
		if name != "" {
			r.Receipt = &refund.Receipt{Items: []refund.Item{{Name: name, Count: refund.Decimal(count), Price: refund.Decimal(price)}}}
		}
		o, err := r.Check(unitpay.Driver{})
		if err != nil {
			return
		}
		payload, err := tasks.Encode(o)
		if err != nil {
			t.Fatalf("%+v was taken and has no payload: %v", o, err)
		}
		if len(payload) > refund.MaxRequest {
			return // refused where it is enqueued
		}
		read, err := tasks.Decode(payload)
		if err != nil {
			t.Fatalf("nobody reads %s: %v", payload, err)
		}
		again, err := read.Check(unitpay.Driver{})
		if err != nil {
			t.Fatalf("%s is not taken any more: %v", payload, err)
		}
		if again.Digest() != o.Digest() || again.Amount != o.Amount || again.Total != o.Total || again.RefundID != o.RefundID ||
			again.Reason != o.Reason || len(again.Metadata) != len(o.Metadata) || again.Metadata[key] != o.Metadata[key] {
			t.Errorf("%+v became %+v", o, again)
		}
	})
}

// FuzzDecode looks for payloads of other producers that stop a worker.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"refund_id":"r-1","provider":"unitpay","payment_id":"42","amount":"1.50","currency":"RUB"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := tasks.Decode(payload)
		var faults refund.Invalid
		switch {
		case err != nil && (!errors.As(err, &faults) || len(err.Error()) > 1000):
			t.Errorf("%.2000v (%T)", err, err)
		case err == nil && r.Version != tasks.PayloadVersion:
			t.Errorf("version %d was read", r.Version)
		}
	})
}

// A receipt within the limits of its fields can still be too much for a
// payload: it has to be refused before anybody is told that it is taken in.
func TestOrderThatNoWorkerCouldReadIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		ok   bool
	}{
		"Cyrillic, taken":                 {"ж", true},
		"four bytes a character, refused": {"🫖", false},
		"six bytes a character, refused":  {"<", false},
	} {
		r := refund.Request{RefundID: "r-1", Provider: "unitpay", PaymentID: "42", Amount: "1.00", Currency: "RUB", Receipt: new(refund.Receipt)}
		for range 100 {
			r.Receipt.Items = append(r.Receipt.Items, refund.Item{Name: strings.Repeat(tc.text, 128), Type: strings.Repeat(tc.text, 64), Count: "1", Price: "0.01"})
		}
		o, err := r.Check(unitpay.Driver{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		payload, err := tasks.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tasks.Decode(payload); (err == nil) != tc.ok {
			t.Errorf("%s: a payload of %d bytes: %v", name, len(payload), err)
		}
		e := tasks.NewEnqueuer(new(tasks.Backend), &config.Config{Providers: []config.Provider{{Name: "unitpay", Driver: unitpay.Driver{}}}})
		_, err = e.Check(r)
		var faults refund.Invalid
		if tc.ok != (err == nil) || err != nil && !errors.As(err, &faults) {
			t.Errorf("%s: the enqueuer says %v", name, err)
		}
	}
}

// A file's rows get their ids when they have been checked.
func TestAnOrderWithoutAnIDLeavesRoomForOne(t *testing.T) {
	r := refund.Request{Provider: "unitpay", PaymentID: "42", Amount: "1.00", Currency: "RUB", Receipt: new(refund.Receipt)}
	size := func() int {
		o, err := r.Check(unitpay.Driver{})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := tasks.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		return len(payload)
	}
	add := func(name string) {
		r.Receipt.Items = append(r.Receipt.Items, refund.Item{Name: name, Count: "1", Price: "0.01"})
	}
	add("x")
	for size() < refund.MaxRequest-1500 {
		r.Receipt.Items = append(r.Receipt.Items, refund.Item{Name: strings.Repeat("🫖", 128), Type: strings.Repeat("🫖", 64), Count: "1", Price: "0.01"})
	}
	for size() < refund.MaxRequest-50 {
		add("x")
	}
	e := tasks.NewEnqueuer(new(tasks.Backend), &config.Config{Providers: []config.Provider{{Name: "unitpay", Driver: unitpay.Driver{}}}})
	if o, err := e.Check(r); err == nil {
		o.RefundID = strings.Repeat("x", 64)
		payload, err := tasks.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tasks.Decode(payload)
		t.Errorf("taken with %d bytes of %d, and with its id: %v", size(), refund.MaxRequest, err)
	}
}
