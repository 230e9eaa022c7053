package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// steps that the states of a refund may take: the design's, written down a
// second time on purpose.
var legal = map[refund.State][]refund.State{
	"":              {refund.Queued, refund.Declined},
	refund.Queued:   {refund.Sending, refund.Declined, refund.Review, refund.Canceled, refund.Unknown},
	refund.Sending:  {refund.Succeeded, refund.Accepted, refund.Declined, refund.Queued, refund.Unknown, refund.Review},
	refund.Unknown:  {refund.Succeeded, refund.Accepted, refund.Queued, refund.Declined, refund.Review},
	refund.Accepted: {refund.Succeeded, refund.Declined, refund.Review, refund.Unknown},
	refund.Review:   {refund.Succeeded, refund.Declined, refund.Queued},
}

// Records reads every refund of the journal, by its id.
func (w *World) Records() map[string]*journal.Record {
	records := map[string]*journal.Record{}
	for _, key := range w.keys(recordKey) {
		id := refundID(key)
		rec, err := w.Journal.Load(context.Background(), w.Redis.HGet(key, "provider"), w.Redis.HGet(key, "payment"), id)
		if err != nil {
			panic(err)
		}
		records[id] = rec
	}
	return records
}

// Check returns everything that is wrong at this moment with money, journal and
// indexes. It may be called at any time; see CheckSettled for the end.
func (w *World) Check() error {
	return w.check(w.Records())
}

func (w *World) check(records map[string]*journal.Record) error {
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(records)) {
		rec := records[id]
		faults = append(faults, w.checkMoney(rec), w.checkHistory(rec))
	}
	faults = append(faults, w.checkLedgers(records), w.checkIndexes(records), w.checkAnswers(records), w.checkLimits(records))
	w.mu.Lock()
	defer w.mu.Unlock()
	faults = append(faults, w.misled...)
	return errors.Join(faults...)
}

// checkMoney compares a refund with what really moved.
func (w *World) checkMoney(rec *journal.Record) error {
	bank := w.banks[rec.Provider]
	if bank == nil {
		return nil
	}
	moved, times := bank.Moved(rec.PaymentID, rec.ID)
	asked, known := rec.Send()
	switch {
	case times > 1:
		return fmt.Errorf("refund %s was paid %d times, %d in all", rec.ID, times, moved)
	case times == 1 && known && moved > asked:
		return fmt.Errorf("refund %s moved %d, asked were %d", rec.ID, moved, asked)
	case times > 0 && (rec.State == refund.Declined || rec.State == refund.Canceled):
		return fmt.Errorf("refund %s is %s, and moved %d", rec.ID, rec.State, moved)
	case times > 0 && rec.Attempts == 0:
		return fmt.Errorf("refund %s moved %d without an attempt", rec.ID, moved)
	case times == 0 && rec.State == refund.Succeeded && rec.ReasonCode != "resolved":
		return fmt.Errorf("refund %s succeeded (%s), and nothing moved", rec.ID, rec.ReasonCode)
	case times == 1 && rec.State == refund.Succeeded && rec.ReasonCode != "resolved" && (rec.Moved == nil || *rec.Moved != moved) && !w.blurred(rec, moved):
		return fmt.Errorf("refund %s says that %v moved, and %d did", rec.ID, rec.Moved, moved)
	}
	return nil
}

// blurred reports whether a full refund that the total proved may say more than
// moved for it: all that was left went back, and who gave back which part of it,
// we or somebody in the portal meanwhile, can't be told.
func (w *World) blurred(rec *journal.Record, moved int64) bool {
	if !rec.Full() || !rec.ByTotal || rec.Moved == nil {
		return false
	}
	for _, e := range w.banks[rec.Provider].Ledger(rec.PaymentID) {
		if e.RefundID == "" && e.At.After(rec.FirstAttempt) {
			moved += e.Minor
		}
	}
	return *rec.Moved == moved
}

// checkLedgers finds money that moved for nobody's refund, and more than a
// payment had.
func (w *World) checkLedgers(records map[string]*journal.Record) error {
	var faults []error
	for name, bank := range w.banks {
		for _, payment := range bank.Payments() {
			var sum int64
			for _, e := range bank.Ledger(payment) {
				if !e.due { // the company may still have no money left for it
					sum += e.Minor
				}
				if e.RefundID == "" {
					continue
				}
				if rec := records[e.RefundID]; rec == nil || rec.PaymentID != payment || rec.Provider != name {
					faults = append(faults, fmt.Errorf("%d moved for %s, which is no refund of payment %s", e.Minor, e.RefundID, payment))
				}
			}
			if total := bank.payments[payment].total; sum > total {
				faults = append(faults, fmt.Errorf("payment %s of %d gave back %d", payment, total, sum))
			}
		}
	}
	return errors.Join(faults...)
}

// checkHistory reads a refund's history as an auditor would.
func (w *World) checkHistory(rec *journal.Record) error {
	history, err := w.Journal.History(context.Background(), rec)
	if err != nil {
		return err
	}
	state := refund.State("")
	var last time.Time
	for i, e := range history {
		switch {
		case e.Seq != int64(i+1):
			return fmt.Errorf("history of refund %s: entry %d has number %d", rec.ID, i+1, e.Seq)
		case e.From != state:
			return fmt.Errorf("history of refund %s: entry %d is from %s, after %s", rec.ID, e.Seq, e.From, state)
		case e.To != e.From && !slices.Contains(legal[e.From], e.To):
			return fmt.Errorf("history of refund %s: entry %d goes from %s to %s", rec.ID, e.Seq, e.From, e.To)
		case e.At.Before(last) && !w.skewed:
			return fmt.Errorf("history of refund %s: entry %d is older than the one before", rec.ID, e.Seq)
		case e.By == "" || e.Note == "" && e.To == refund.Review:
			return fmt.Errorf("history of refund %s: entry %d does not say who or why", rec.ID, e.Seq)
		}
		state, last = e.To, e.At
	}
	if state != rec.State || rec.Seq != int64(len(history)) {
		return fmt.Errorf("refund %s is %s at %d, its history ends with %s at %d", rec.ID, rec.State, rec.Seq, state, len(history))
	}
	return nil
}

// checkIndexes compares what finds refunds with the refunds.
func (w *World) checkIndexes(records map[string]*journal.Record) error {
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	counts := map[string]int{}
	for _, rec := range records {
		counts[rec.Provider+":"+string(rec.State)]++
	}
	counted := map[string]int{}
	for _, key := range w.keys(countKey) {
		fields, err := w.Redis.HKeys(key)
		if err != nil {
			return err
		}
		for _, field := range fields {
			var n int
			if _, err := fmt.Sscan(w.Redis.HGet(key, field), &n); err != nil || n < 0 {
				wrong("count %s of %s is %q", field, key, w.Redis.HGet(key, field))
			}
			if n != 0 {
				counted[field] += n
			}
		}
	}
	if !maps.Equal(counts, counted) {
		wrong("the journal counts %v and holds %v", counted, counts)
	}
	indexed := map[string]string{}
	for _, key := range w.keys(stateKey) {
		for id := range w.scores(key) {
			if _, twice := indexed[id]; twice {
				wrong("refund %s is in two indexes by state", id)
			}
			indexed[id] = key[strings.LastIndexByte(key, ':')+1:]
		}
	}
	due := map[string]string{}
	for _, key := range w.keys(indexKey) {
		for id := range w.scores(key) {
			if _, twice := due[id]; twice {
				wrong("refund %s is in two indexes of what is due, %s and %s", id, due[id], key)
			}
			due[id] = key[strings.LastIndexByte(key, ':')+1:]
		}
	}
	for id, rec := range records {
		want := "due"
		switch {
		case rec.State.Terminal() || rec.State == refund.Review && rec.Request == nil:
			want = ""
		case rec.State == refund.Queued:
			want = "wait"
		}
		if indexed[id] != string(rec.State) {
			wrong("refund %s is %s, and indexed as %q", id, rec.State, indexed[id])
		}
		if due[id] != want {
			wrong("refund %s is %s, and in the index %q of what is due instead of %q", id, rec.State, due[id], want)
		}
		delete(indexed, id)
		delete(due, id)
	}
	if len(indexed)+len(due) > 0 {
		wrong("the indexes name refunds that are not there: %v %v", indexed, due)
	}
	return errors.Join(faults...)
}

// checkAnswers holds the journal to what producers were told.
func (w *World) checkAnswers(records map[string]*journal.Record) error {
	var faults []error
	for _, a := range w.Answers() {
		rec := records[a.Receipt.RefundID]
		if a.Err != nil {
			continue
		}
		switch a.Receipt.Status {
		case tasks.Queued, tasks.Existing:
			if rec == nil {
				faults = append(faults, fmt.Errorf("refund %s was answered %s, and is not in the journal", a.Receipt.RefundID, a.Receipt.Status))
			}
		case tasks.Duplicate:
			if rec != nil && rec.Attempts > 0 {
				faults = append(faults, fmt.Errorf("refund %s was refused as a duplicate, and sent", rec.ID))
			}
		}
	}
	return errors.Join(faults...)
}

// CheckSettled is Check of a world in which everything has ended. It relays the
// events that are left and compares them with the histories.
func (w *World) CheckSettled() error {
	records := w.Records()
	faults := []error{w.check(records)}
	if open := w.Open(); len(open) > 0 {
		faults = append(faults, fmt.Errorf("still open: %s", strings.Join(open, ", ")))
	}
	for _, rec := range records {
		if moved, times := w.banks[rec.Provider].Moved(rec.PaymentID, rec.ID); times > 0 && rec.State != refund.Succeeded && rec.State != refund.Review {
			faults = append(faults, fmt.Errorf("refund %s moved %d, and is %s", rec.ID, moved, rec.State))
		}
	}
	return errors.Join(append(faults, w.checkEvents(records))...)
}

// checkEvents finds changes that the order system was not told of. Repeats may
// come late; what comes for the first time comes in order.
func (w *World) checkEvents(records map[string]*journal.Record) error {
	ctx := context.Background()
	if len(w.keys(outboxKey)) > 0 {
		if _, err := w.Journal.RelayAll(ctx); err != nil {
			return err
		}
	}
	stream, err := w.raw.XRange(ctx, journal.Events, "-", "+").Result()
	if err != nil {
		return err
	}
	var faults []error
	told := map[string]map[int64]string{}
	highest := map[string]int64{}
	for _, message := range stream {
		id, state := fmt.Sprint(message.Values["refund_id"]), fmt.Sprint(message.Values["state"])
		var seq int64
		if _, err := fmt.Sscan(fmt.Sprint(message.Values["seq"]), &seq); err != nil {
			return err
		}
		if told[id] == nil {
			told[id] = map[int64]string{}
		}
		if before, again := told[id][seq]; !again && seq < highest[id] {
			faults = append(faults, fmt.Errorf("event %d of refund %s comes after %d", seq, id, highest[id]))
		} else if again && before != state {
			faults = append(faults, fmt.Errorf("event %d of refund %s says both %s and %s", seq, id, before, state))
		}
		told[id][seq] = state
		highest[id] = max(highest[id], seq)
	}
	for id, rec := range records {
		history, err := w.Journal.History(ctx, rec)
		if err != nil {
			return err
		}
		for _, e := range history {
			if e.From == e.To || !e.To.Terminal() && e.To != refund.Review {
				continue
			}
			if told[id][e.Seq] != string(e.To) {
				faults = append(faults, fmt.Errorf("nobody was told that refund %s became %s (%d): %v", id, e.To, e.Seq, told[id]))
			}
		}
	}
	return errors.Join(faults...)
}
