package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

func never(string) bool { return false }

func TestAPrimaryIsAdmittedAndTheJournalMarkedWhereItMayBeBehind(t *testing.T) {
	forgets := func(known string) bool { return known == "first 1" }
	for name, c := range map[string]struct {
		before  string // admitted on the same data before
		emptied bool   // by losing everything
		process bool   // the same one as before
		name    string
		marked  bool
	}{
		"a journal that is new":                      {name: "first 1"},
		"the same primary":                           {before: "first 1", name: "first 1"},
		"a restart of the same server":               {before: "zeroth 0", name: "first 1"},
		"another one that may have less":             {before: "first 1", name: "second 2", marked: true},
		"all is gone, and the process has seen it":   {before: "first 1", emptied: true, process: true, name: "zeroth 0", marked: true},
		"all is gone, and nobody is left to know it": {before: "first 1", emptied: true, name: "zeroth 0"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			b := open(t)
			before, after := &journal.Lineage{}, &journal.Lineage{}
			if c.process {
				after = before
			}
			admit := func(l *journal.Lineage, name string, mayLack func(string) bool) {
				t.Helper()
				if err := l.Admit(ctx, b.rdb, name, mayLack); err != nil {
					t.Fatal(err)
				}
			}
			if c.before != "" {
				admit(before, c.before, never)
			}
			if c.emptied {
				b.mini.FlushAll()
			}
			admit(after, c.name, forgets)
			since, err := b.RestoredSince(ctx)
			if err != nil || since.IsZero() == c.marked {
				t.Fatalf("marked since %s, %v", since, err)
			}
			// It holds until a person ends it, whoever comes and goes meanwhile.
			admit(after, c.name, forgets)
			if again, err := b.RestoredSince(ctx); err != nil || again != since {
				t.Errorf("marked since %s, and then %s, %v", since, again, err)
			}
			if err := b.RestoreOver(ctx); err != nil {
				t.Fatal(err)
			}
			admit(&journal.Lineage{}, c.name, forgets)
			if since, err := b.RestoredSince(ctx); err != nil || !since.IsZero() {
				t.Errorf("marked again since %s, %v", since, err)
			}
		})
	}
}

func TestTheMarkIsAsLateAsTheLaterOfBothClocks(t *testing.T) {
	ctx := context.Background()
	b := open(t)
	b.advance(100 * 365 * 24 * time.Hour)
	for _, name := range []string{"first 1", "second 2"} {
		if err := new(journal.Lineage).Admit(ctx, b.rdb, name, func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	if since, err := b.RestoredSince(ctx); err != nil || !since.Equal(b.now) {
		t.Errorf("marked since %s, %v; Redis has %s", since, err, b.now)
	}
}

// The script that writes an attempt ahead asks the server itself, so nothing
// depends on when a connection was made.
func TestAnAttemptBeginsOnTheAdmittedPrimaryOnly(t *testing.T) {
	ctx := context.Background()
	first := redistest.Start(t)
	replica := redistest.StartReplica(t, first)
	for _, s := range []*redistest.Server{first, replica} {
		rdb := s.Client(t)
		j := journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: retention, Lineage: true})
		if s == first {
			if _, err := j.Take(ctx, order("mine", "20.00"), journal.Taking{}); err != nil {
				t.Fatal(err)
			}
		}
		rec, err := j.Load(ctx, provider, payment, "mine")
		if err != nil {
			t.Fatal(err)
		}
		start := func() (*journal.Record, error) {
			return j.Begin(ctx, rec, journal.Beginning{Timeout: time.Minute, By: "test", Token: journal.NewToken()})
		}
		unread := func() (*journal.Record, error) {
			rec, _, err := j.Open(ctx, order("mine", "20.00"), beginning(), nil)
			return rec, err
		}
		for _, begin := range []func() (*journal.Record, error){start, unread} {
			if _, err := begin(); !errors.Is(err, journal.ErrNotAdmitted) {
				t.Fatalf("%s, before it was admitted: %v", s.Addr, err)
			}
		}
		history := historyOf(t, s)
		if err := new(journal.Lineage).Admit(ctx, rdb, history+" run", func(known string) bool { return !strings.HasPrefix(known, history) }); err != nil {
			t.Fatal(err)
		}
		if s == replica {
			// Decided without knowing of the mark: to be decided again.
			var blocked *journal.Blocked
			for _, begin := range []func() (*journal.Record, error){start, unread} {
				if _, err := begin(); !errors.As(err, &blocked) || blocked.Why != journal.Changed {
					t.Errorf("decided before the mark: %v", err)
				}
			}
			if rec, err = j.Load(ctx, provider, payment, "mine"); err != nil || !rec.Restored {
				t.Fatalf("%+v, %v", rec, err)
			}
			if _, err := start(); !errors.As(err, &blocked) || blocked.Why != journal.AfterRestore {
				t.Errorf("without the provider's word: %v", err)
			}
			continue
		}
		redistest.Eventually(t, "the replica knows who the primary is", func() bool {
			return replica.Client(t).Exists(ctx, "refunds:{000}:primary", "refunds:{255}:primary").Val() == 2
		})
		if err := replica.Client(t).ReplicaOf(ctx, "no", "one").Err(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			begun, err := start()
			if err != nil || begun.State != refund.Sending {
				t.Errorf("on the primary that was admitted: %+v, %v", begun, err)
			}
		}()
	}
}

func historyOf(t *testing.T, s *redistest.Server) string {
	t.Helper()
	_, rest, _ := strings.Cut(s.Client(t).Info(context.Background(), "replication").Val(), "master_replid:")
	id, _, ok := strings.Cut(rest, "\r")
	if !ok {
		t.Fatal("the server does not tell its replication id")
	}
	return id
}
