package worker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// backup is what an operator's nightly copy holds.
func (r *rig) backup() []byte {
	r.t.Helper()
	if err := r.raw.Save(r.t.Context()).Err(); err != nil {
		r.t.Fatal(err)
	}
	dump, err := os.ReadFile(filepath.Join(r.redis.Dir, "dump.rdb"))
	if err != nil {
		r.t.Fatal(err)
	}
	return dump
}

func (r *rig) restore(dump []byte) {
	r.t.Helper()
	r.redis.Stop()
	if err := os.WriteFile(filepath.Join(r.redis.Dir, "dump.rdb"), dump, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.redis.Restart(r.t)
	r.until("Redis is there again", func() bool { return r.raw.Ping(r.t.Context()).Err() == nil })
}

// An old backup knows refunds as queued that were paid meanwhile, and does not
// know those that came later.
func TestAfterRestoringAnOldBackupNothingIsPaidAgain(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"reconcile": "{first: 200ms, settle: 3s}"}}, func(t *testing.T, r *rig, company string) {
		inBackup, waiting, later, unseen := r.pays(company, 500_00), r.pays(company, 500_00), r.pays(company, 500_00), r.pays(company, 500_00)
		first := request(company, inBackup, "100.00")
		id := r.enqueue(first)
		dump := r.backup()

		w := r.startWith(r.second(), "before")
		second, third := request(company, later, "70.00"), request(company, unseen, "30.00")
		r.waitFor(id, refund.Succeeded)
		r.waitFor(r.enqueue(second), refund.Succeeded)
		w.stop()
		// The last thing before the fall: sent, and carried out only after the
		// backup is in place.
		r.companies.Fail(company, unseen, sandbox.Fault{Kind: sandbox.LateEffect, Delay: 1500 * time.Millisecond})
		kill := r.spawn()
		r.enqueue(third)
		r.until("the last call", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 3 }, r.log.String)
		kill()

		r.restore(dump)
		if err := r.backend.Journal.AfterRestore(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		// Order systems enqueue what they are not sure of again, and go on.
		fresh := request(company, waiting, "50.00")
		if got := r.ask(first); got.Status != tasks.Existing {
			t.Errorf("a refund of the backup was answered %+v", got)
		}
		r.enqueue(second)
		r.enqueue(third)
		r.enqueue(fresh)
		r.startWith(r.second(), "after")
		for _, q := range []refund.Request{first, second, third} {
			if rec := r.waitFor(q.RefundID, refund.Review); rec.ReasonCode != "after_restore" {
				t.Errorf("%s", r.story(rec))
			}
		}
		r.waitFor(fresh.RefundID, refund.Succeeded)
		r.moved(company, inBackup, 100_00)
		r.moved(company, later, 70_00)
		r.moved(company, unseen, 30_00)
		r.moved(company, waiting, 50_00)
		r.calls(company, 4)
	})
}

// The steps of docs/operations.md: a copy is loaded without the append-only
// file, beside which Redis would ignore it; then the file is turned on, and only
// then is this Redis one that a worker accepts.
func TestACopyRestoredAsTheRunbookSaysIsDurableAndPaysNothingAgain(t *testing.T) {
	t.Parallel()
	s := durable(map[string]string{"reconcile": "{first: 200ms, settle: 2s}"})
	s.companies = []string{sandbox.UnitPay}
	r := newRig(t, s)
	ctx := t.Context()
	payment := r.pays(sandbox.UnitPay, 500_00)
	id := r.enqueue(request(sandbox.UnitPay, payment, "100.00"))
	dump := r.backup()
	before := r.startWith(r.second(), "before")
	r.waitFor(id, refund.Succeeded)
	before.stop()
	r.redis.Stop()

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600); err != nil {
		t.Fatal(err)
	}
	r.redis = redistest.Start(t, "--dir", dir, "--appendonly", "no", "--appendfsync", "always")
	r.env["REDIS_URL"] = "redis://" + r.redis.Addr + "/0"
	r.cfg = r.load(r.text)
	if w, err := worker.New(r.cfg, worker.Options{}); err != nil {
		t.Fatal(err)
	} else if _, err := w.Check(ctx); err == nil || !strings.Contains(err.Error(), "set appendonly yes") {
		t.Errorf("a worker takes a copy that is not on disk yet: %v", err)
	}
	c := r.redis.Client(t)
	if err := c.ConfigSet(ctx, "appendonly", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	r.until("the append-only file", func() bool {
		info := c.Info(ctx, "persistence").Val()
		return strings.Contains(info, "aof_enabled:1") && strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
	})
	// A crash right now: the copy lies in the append-only file too.
	r.redis.Stop()
	r.redis = redistest.Start(t, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always")
	r.env["REDIS_URL"] = "redis://" + r.redis.Addr + "/0"
	r.cfg = r.load(r.text)
	backend, err := tasks.Open(ctx, r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	r.backend = backend
	if rec := r.get(id); rec.State != refund.Queued {
		t.Fatalf("the copy holds the refund as %s", rec.State)
	}
	if err := backend.Journal.AfterRestore(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	r.startWith(r.second(), "after")
	if rec := r.waitFor(id, refund.Review); rec.ReasonCode != "after_restore" {
		t.Errorf("%s", r.story(rec))
	}
	r.moved(sandbox.UnitPay, payment, 100_00)
	r.calls(sandbox.UnitPay, 1)
}

var quickSettle = setup{provider: map[string]string{"reconcile": "{first: 200ms, settle: 2s}"}}

// restored makes the refunds be paid after a backup, and puts the backup back
// with the mark set.
func (r *rig) restored(requests ...refund.Request) {
	r.t.Helper()
	for _, q := range requests {
		r.enqueue(q)
	}
	dump := r.backup()
	w := r.startWith(r.second(), "before")
	for _, q := range requests {
		r.waitFor(q.RefundID, refund.Succeeded)
	}
	w.stop()
	r.restore(dump)
	if err := r.backend.Journal.AfterRestore(r.t.Context(), time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

// Where nothing is left because this very refund took it, it must not end as
// declined.
func TestAfterRestoreWhatTookAllThatWasLeftIsNotDeclined(t *testing.T) {
	everyCompany(t, quickSettle, func(t *testing.T, r *rig, company string) {
		full, most := request(company, r.pays(company, 100_00), ""), request(company, r.pays(company, 150_00), "100.00")
		r.restored(full, most)
		r.startWith(r.second(), "after")
		for _, q := range []refund.Request{full, most} {
			if rec := r.waitFor(q.RefundID, refund.Succeeded, refund.Review, refund.Declined); rec.ReasonCode != "after_restore" {
				t.Errorf("%s", r.story(rec))
			}
		}
	})
}

// What went to review under the mark is not sent on a person's request alone
// when the mark is gone.
func TestRetryAfterTheMarkIsGoneIsRefusedAgainstEvidence(t *testing.T) {
	everyCompany(t, quickSettle, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		q := request(company, payment, "100.00")
		r.restored(q)
		r.startWith(r.second(), "after")
		r.waitFor(q.RefundID, refund.Review)
		if err := r.backend.Journal.RestoreOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rec := r.retry(q.RefundID, false); rec.State != refund.Review {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, payment, 100_00)
	})
}

func TestCancelAfterRestoreIsRefused(t *testing.T) {
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	q := request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00")
	r.restored(q)
	if rec, err := r.operator.Cancel(t.Context(), q.RefundID, "anna", "not needed"); !errors.Is(err, tasks.ErrNotPossible) {
		t.Errorf("%v: %s", err, r.story(rec))
	}
}
