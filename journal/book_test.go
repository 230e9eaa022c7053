package journal_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

const (
	provider  = "unitpay"
	payment   = "1234512345"
	window    = 30 * time.Minute
	retention = 24 * time.Hour
)

// book is a journal whose clock the test sets.
type book struct {
	*journal.Journal
	t    testing.TB
	mini *miniredis.Miniredis
	rdb  *redis.Client
	now  time.Time
}

// open returns a journal in an embedded Redis. Each script runs as often as
// its runner says.
func open(t testing.TB, wrap ...func(journal.Runner) journal.Runner) *book {
	t.Helper()
	mini := miniredis.RunT(t)
	b := &book{t: t, mini: mini, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	mini.SetTime(b.now)
	b.rdb = redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = b.rdb.Close() })
	var run journal.Runner = redisconn.NewWaiter(b.rdb, "none", time.Second)
	for _, w := range wrap {
		run = w(run)
	}
	b.Journal = journal.New(b.rdb, run, journal.Options{Window: window, Retention: retention})
	return b
}

func (b *book) advance(d time.Duration) {
	b.now = b.now.Add(d)
	b.mini.SetTime(b.now)
}

// order is a checked order of the payment; an empty amount is all of it.
func order(id, amount string) refund.Order {
	o := refund.Order{RefundID: id, Provider: provider, PaymentID: payment, Asked: amount, Full: amount == "",
		Amount: refund.Money{Currency: "RUB"}, Total: refund.Money{Currency: "RUB"}}
	if amount != "" {
		m, err := refund.ParseMoney(amount, "RUB")
		if err != nil {
			panic(err)
		}
		o.Amount = m
	}
	return o
}

func withTotal(o refund.Order, minor int64) refund.Order {
	o.Total.Minor = minor
	return o
}

func (b *book) try(o refund.Order, t journal.Taking) journal.Taken {
	b.t.Helper()
	taken, err := b.Take(context.Background(), o, t)
	if err != nil {
		b.t.Fatal(err)
	}
	return taken
}

func (b *book) take(id, amount string) *journal.Record {
	b.t.Helper()
	taken := b.try(order(id, amount), journal.Taking{})
	if taken.Refusal != nil || taken.Record == nil {
		b.t.Fatalf("%s was refused: %+v", id, taken.Refusal)
	}
	return taken.Record
}

func (b *book) load(id string) *journal.Record {
	b.t.Helper()
	rec, err := b.Load(context.Background(), provider, payment, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return rec
}

func (b *book) apply(rec *journal.Record, s journal.Step) *journal.Record {
	b.t.Helper()
	next, err := b.Apply(context.Background(), rec, s)
	if err != nil {
		b.t.Fatalf("from %s to %s: %v", rec.State, s.To, err)
	}
	b.same(next)
	return next
}

// same checks that a change told what the journal holds.
func (b *book) same(told *journal.Record) {
	b.t.Helper()
	held, err := b.Load(context.Background(), told.Provider, told.PaymentID, told.ID)
	if err != nil || !reflect.DeepEqual(journal.Stored(told), held) {
		b.t.Errorf("told %+v\nheld %+v, %v", told, held, err)
	}
}

// unread begins an attempt of what is as it was taken in, with no gate before it.
func (b *book) unread(o refund.Order, at journal.Beginning) (*journal.Record, error) {
	rec, said, err := b.Open(context.Background(), o, at, nil)
	if said != nil {
		b.t.Errorf("a gate said %v, and there is none", said)
	}
	return rec, err
}

// beginning is an attempt that nothing speaks against.
func beginning() journal.Beginning {
	return journal.Beginning{Timeout: 15 * time.Second, Grace: time.Second, MaxAge: time.Minute, By: "test", Token: journal.NewToken()}
}

func (b *book) begin(id string) *journal.Record {
	b.t.Helper()
	rec, err := b.Begin(context.Background(), b.load(id), beginning())
	if err != nil {
		b.t.Fatal(err)
	}
	b.same(rec)
	return rec
}

// bring takes a queued refund to a state by the shortest way.
func (b *book) bring(id string, state refund.State) *journal.Record {
	b.t.Helper()
	rec := b.load(id)
	if state == refund.Queued {
		return rec
	}
	if state == refund.Canceled {
		return b.apply(rec, journal.Step{To: state, NoDue: true})
	}
	rec = b.begin(id)
	switch state {
	case refund.Sending:
		return rec
	case refund.Succeeded:
		set := map[string]string{}
		if minor, ok := rec.Send(); ok {
			set["moved"] = text(minor)
		}
		return b.apply(rec, journal.Step{To: state, NoDue: true, Set: set})
	case refund.Unknown:
		return b.apply(rec, journal.Step{To: state, Set: map[string]string{"unproven": "1"}})
	}
	return b.apply(rec, journal.Step{To: state, NoDue: state.Terminal()})
}
