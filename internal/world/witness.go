package world

import (
	"context"
	"fmt"
	"reflect"

	"refundworker/journal"
)

// witness compares what a process takes a settled refund for with what the journal
// holds. The process has not read it: it reckons each change from the one before.
type witness struct{ *World }

func (witness) Attempted(string, string) {}
func (witness) Limited(string)           {}
func (witness) Contradicted(string)      {}

func (w witness) Settled(told *journal.Record) {
	held, err := w.Journal.Load(context.Background(), told.Provider, told.PaymentID, told.ID)
	if err != nil || held.Version != told.Version || held.Token != told.Token {
		return // the write was lost, or others have gone on
	}
	read, reckoned := w.contents(held), w.contents(told)
	for name, value := range read {
		if !reflect.DeepEqual(reckoned[name], value) {
			w.mu.Lock()
			w.misled = append(w.misled, fmt.Errorf("refund %s: %s is taken for %+v, and is %+v", told.ID, name, reckoned[name], value))
			w.mu.Unlock()
		}
	}
}

// contents is all that a record says, but for when it was read.
func (w witness) contents(rec *journal.Record) map[string]any {
	said := map[string]any{}
	for field, value := range reflect.ValueOf(*rec).Fields() {
		if field.IsExported() && field.Name != "Now" && field.Name != "Epoch" {
			said[field.Name] = value.Interface()
		}
	}
	history, err := w.Journal.History(context.Background(), rec)
	said["history"] = []any{history, err}
	attempts, err := rec.AttemptList()
	said["attempts"] = []any{attempts, err}
	return said
}
