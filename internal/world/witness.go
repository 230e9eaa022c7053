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

func (w witness) Settled(rec *journal.Record) {
	held, err := w.Journal.Load(context.Background(), rec.Provider, rec.PaymentID, rec.ID)
	if err != nil || held.Version != rec.Version || held.Token != rec.Token {
		return // the write was lost, or others have gone on
	}
	told := *rec
	told.Now, told.Epoch = held.Now, held.Epoch
	if !reflect.DeepEqual(&told, held) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.misled = append(w.misled, fmt.Errorf("refund %s is taken for %+v\nand is %+v", rec.ID, told, *held))
	}
}
