package worker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// personal is what must be gone, by what it is.
var personal = map[string]string{"e-mail address": "ivan.petrov@example.com", "phone number": "+79123456789", "item": "Ticket of Ivan Petrov",
	"reason": "Ivan's daughter is ill", "metadata": "customer-ivan-4711"}

// personalRequest is a request that is full of a person.
func (r *rig) personalRequest(id string) refund.Request {
	q := request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00")
	q.RefundID, q.Reason, q.Metadata = id, personal["reason"], map[string]string{"customer": personal["metadata"]}
	q.Receipt = &refund.Receipt{CustomerEmail: personal["e-mail address"], CustomerPhone: personal["phone number"],
		Items: []refund.Item{{Name: personal["item"], Count: "1", Price: "100.00"}}}
	return q
}

// holds says what of the person is in Redis, and where.
func (r *rig) holds() map[string]string {
	found := map[string]string{}
	for key, value := range r.everything() {
		for what, text := range personal {
			if strings.Contains(value, text) || strings.Contains(key, text) {
				found[what] = key
			}
		}
	}
	return found
}

func TestErasedPersonIsNowhereInRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	// The events lie behind more than a page of others.
	pipe := r.raw.Pipeline()
	for range 1200 {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: journal.Events, Values: []any{"refund_id", "another", "seq", "3", "metadata", "{}"}})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	paid, refused, foreign := r.personalRequest("paid"), r.personalRequest("refused"), r.personalRequest("foreign")
	r.companies.Fail(sandbox.UnitPay, refused.PaymentID, sandbox.Fault{Kind: sandbox.HTMLBefore, Status: 200,
		Body: echo(sandbox.UnitPay, "-32602", "wrong "+personal["e-mail address"]+" or "+personal["phone number"])})
	foreign.Version = 1
	raw, err := json.Marshal(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []refund.Request{paid, refused} {
		r.enqueue(q)
	}
	r.foreign(sandbox.UnitPay, "foreign", raw)
	if _, err := r.operator.Erase(t.Context(), "paid", "anna", "request 17"); !errors.Is(err, tasks.ErrNotPossible) || !strings.Contains(err.Error(), "still needs") {
		t.Errorf("while it is open: %v", err)
	}
	w := r.start()
	r.waitFor("paid", refund.Succeeded)
	r.waitFor("refused", refund.Declined)
	r.waitFor("foreign", refund.Succeeded)
	w.stop()
	if found := r.holds(); len(found) != len(personal) {
		t.Fatalf("before, Redis holds only %v: the scan sees nothing", found)
	}
	if v, err := r.backend.Journal.FullView(t.Context(), r.get("refused")); err != nil || !strings.Contains(v.Attempts[0].Message, "i***@example.com or ***89") {
		t.Errorf("what the provider repeats is not masked: %+v, %v", v.Attempts, err)
	}
	for text, want := range map[string]bool{personal["e-mail address"]: false, personal["phone number"]: false, personal["reason"]: false, personal["metadata"]: false, `"paid"`: true} {
		if strings.Contains(r.log.String(), text) != want {
			t.Errorf("%q in the log: %v, want %v", text, !want, want)
		}
	}

	events := r.events()
	for _, id := range []string{"paid", "refused", "foreign"} {
		rec, err := r.operator.Erase(t.Context(), id, "anna", "request 17")
		if err != nil {
			t.Fatal(err)
		}
		if rec.View().ErasedAt == nil || rec.Digest == "" {
			t.Errorf("%s: %+v", id, rec.View())
		}
		r.erasedOnce(rec)
	}
	if found := r.holds(); len(found) != 0 {
		t.Errorf("Redis still holds %v", found)
	}
	if after := r.events(); fmt.Sprint(after) != fmt.Sprint(events) || len(after) != 3 {
		t.Errorf("events were %v and are %v", events, after)
	}
	// Each is still the same refund.
	for _, q := range []refund.Request{paid, refused, foreign} {
		if got := r.ask(q); got.Status != tasks.Existing {
			t.Errorf("the same request again: %+v", got)
		}
	}
	if found := r.holds(); len(found) != 0 {
		t.Errorf("asking again brought %v back", found)
	}
	r.moved(sandbox.UnitPay, paid.PaymentID, 100_00)
	r.moved(sandbox.UnitPay, refused.PaymentID, 0)
}

// events are number and state of each of the refunds' events.
func (r *rig) events() map[string]string {
	r.t.Helper()
	list, err := r.raw.XRange(r.t.Context(), journal.Events, "-", "+").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range list {
		if id := fmt.Sprint(m.Values["refund_id"]); id != "another" {
			found[id] += fmt.Sprintf("%s %s %s;", m.Values["seq"], m.Values["state"], m.Values["amount_moved"])
		}
	}
	return found
}

// erasedOnce checks the history of an erased refund, and that erasing it again
// adds nothing.
func (r *rig) erasedOnce(rec *journal.Record) {
	r.t.Helper()
	before, err := r.backend.Journal.History(r.t.Context(), rec)
	if err != nil {
		r.t.Fatal(err)
	}
	if last := before[len(before)-1]; last.By != "anna" || last.Note != "personal data erased: request 17" || last.To != rec.State {
		r.t.Errorf("history ends with %+v", last)
	}
	if _, err := r.operator.Erase(r.t.Context(), rec.ID, "boris", "once more"); err != nil {
		r.t.Error(err)
	}
	if after, err := r.backend.Journal.History(r.t.Context(), rec); err != nil || len(after) != len(before) {
		r.t.Errorf("erasing it again made %d entries of %d, error %v", len(after), len(before), err)
	}
}

func TestErasingGoesOnWhereACrashInterruptedIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	w := r.start()
	for step, interrupt := range map[string]func(rec *journal.Record) error{
		"after the task": func(rec *journal.Record) error { return r.inspector.DeleteTask(sandbox.UnitPay, rec.ID) },
		"after the events": func(rec *journal.Record) error {
			return errors.Join(r.inspector.DeleteTask(sandbox.UnitPay, rec.ID), r.backend.Journal.EraseEvents(t.Context(), rec))
		},
		"the record first, and an event that comes twice": func(rec *journal.Record) error {
			old, err := r.raw.XRange(t.Context(), journal.Events, "-", "+").Result()
			if err != nil {
				return err
			}
			if _, err := r.backend.Journal.Apply(t.Context(), rec, rec.Erase("anna", "request 17")); err != nil {
				return err
			}
			return r.raw.XAdd(t.Context(), &redis.XAddArgs{Stream: journal.Events, Values: old[len(old)-1].Values}).Err()
		},
	} {
		id := strings.Map(func(c rune) rune {
			if c == ' ' || c == ',' {
				return '-'
			}
			return c
		}, step)
		r.enqueue(r.personalRequest(id))
		rec := r.waitFor(id, refund.Succeeded)
		r.until("the event and the end of the task", func() bool {
			info := r.task(sandbox.UnitPay, id)
			return len(r.events()[id]) > 0 && info != nil && len(info.Result) > 0 && info.CompletedAt.Unix() > 0
		})
		if err := interrupt(rec); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if _, err := r.operator.Erase(t.Context(), id, "anna", "request 17"); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if found := r.holds(); len(found) != 0 {
			t.Errorf("%s: Redis still holds %v", step, found)
		}
	}
	w.stop()
}

func TestErasingNeedsANameANoteAndASettledRefund(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	id := r.enqueue(r.personalRequest("open"))
	if _, err := r.operator.Cancel(t.Context(), id, "anna", "not wanted"); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ id, by, note, want string }{
		"nobody":    {id, "", "request 17", "by: is required"},
		"no note":   {id, "anna", "", "note: is required"},
		"no refund": {"none", "anna", "request 17", "no such refund"},
	} {
		if _, err := r.operator.Erase(t.Context(), tc.id, tc.by, tc.note); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if found := r.holds(); found["reason"] == "" {
		t.Error("a refused erasure erased")
	}
	if _, err := r.operator.Erase(t.Context(), id, "anna", "request 17"); err != nil {
		t.Errorf("canceled: %v", err)
	}
	if found := r.holds(); len(found) != 0 {
		t.Errorf("Redis still holds %v", found)
	}
}

// Behind the events' old places come more entries than are looked through.
func TestErasingEndsHoweverManyEntriesFollowTheEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	settled := func(id string) *journal.Record {
		rec, err := r.operator.Cancel(t.Context(), r.enqueue(r.personalRequest(id)), "anna", "not wanted")
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	erase := func(id string) error {
		_, err := r.operator.Erase(t.Context(), id, "anna", "request 17")
		return err
	}
	event := func(id string) redis.XMessage { // the last one
		list, err := r.raw.XRange(t.Context(), journal.Events, "-", "+").Result()
		for _, m := range slices.Backward(list) {
			if m.Values["refund_id"] == id {
				return m
			}
		}
		t.Fatalf("no event of %s: %v", id, err)
		return redis.XMessage{}
	}
	settled("first") // the stream forgets nothing
	for _, id := range []string{"whole", "cut-off", "half", "lost", "trimmed"} {
		if id == "half" { // has two events
			rec := r.get(r.enqueue(r.personalRequest(id)))
			rec, err := r.backend.Journal.Apply(t.Context(), rec, journal.Step{To: refund.Review, NoDue: true, By: "anna"})
			if err == nil {
				rec, err = r.backend.Journal.Apply(t.Context(), rec, journal.Step{To: refund.Declined, NoDue: true, By: "anna"})
			}
			if err == nil {
				err = r.backend.Journal.Relay(t.Context(), rec)
			}
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		settled(id)
	}
	if err := erase("whole"); err != nil {
		t.Fatal(err)
	}
	if err := r.backend.Journal.EraseEvents(t.Context(), r.get("cut-off")); err != nil { // and then a crash
		t.Fatal(err)
	}
	for _, m := range []redis.XMessage{event("half"), event("lost"), event("trimmed")} {
		if err := r.raw.XDel(t.Context(), journal.Events, m.ID).Err(); err != nil {
			t.Fatal(err)
		}
		if m.Values["refund_id"] == "half" { // one is put anew, and then a crash
			m.Values["metadata"] = ""
			if err := r.raw.XAdd(t.Context(), &redis.XAddArgs{Stream: journal.Events, Values: m.Values}).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin := r.get("trimmed").Updated.Add(3 * time.Minute).UnixMilli()
	// What is put anew lies behind the others.
	moved := map[string]redis.XMessage{}
	for _, id := range []string{"whole", "cut-off", "half"} {
		moved[id] = event(id)
		if err := r.raw.XDel(t.Context(), journal.Events, moved[id].ID).Err(); err != nil {
			t.Fatal(err)
		}
	}
	pipe := r.raw.Pipeline()
	for i := range 100_001 {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: journal.Events, ID: fmt.Sprintf("%d-%d", begin, i), Values: []any{"refund_id", "another"}})
	}
	for _, m := range moved {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: journal.Events, Values: m.Values})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}

	for id, told := range map[string]bool{"whole": false, "cut-off": true, "half": true, "lost": true} {
		switch err := erase(id); {
		case told != errors.Is(err, journal.ErrEventMissing):
			t.Errorf("%s: %v", id, err)
		case told && !strings.Contains(err.Error(), "all else of refund "+id+" is erased") || told && !strings.Contains(err.Error(), "is not among the 100000 entries"):
			t.Errorf("%s: the error does not say what is done and what is left: %v", id, err)
		}
		if rec := r.get(id); rec.HoldsPersonalData() || rec.Erased.IsZero() {
			t.Errorf("%s: the record still holds %+v", id, rec)
		}
		if err := erase(id); err != nil {
			t.Errorf("%s, once more: %v", id, err)
		}
	}
	if err := r.raw.XTrimMinID(t.Context(), journal.Events, fmt.Sprint(begin)).Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"trimmed", "first"} {
		if err := erase(id); err != nil {
			t.Errorf("%s, and the stream begins later: %v", id, err)
		}
	}
	if found := r.holds(); len(found) != 0 {
		t.Errorf("Redis still holds %v", found)
	}
}
