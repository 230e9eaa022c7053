package worker_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// renamed is the configuration with a provider under another name, or at
// another spelling of its address, which is another account.
func (r *rig) renamed(old, new string) string { return strings.Replace(r.text, old, new, 1) }

// Whoever renames a provider hides its refunds from it: they are left alone,
// which the log says, and go on under the old name. The new name is another
// memory: its windows know nothing of the old ones.
func TestRenamedProviderLeavesTheOldNamesRefundsAlone(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		payment := r.pays(company, 500_00)
		id := r.enqueue(request(company, payment, "100.00"))
		other := r.load(r.renamed("  "+company+":\n", "  renamed:\n"))
		other.Listen = "127.0.0.1:0"
		w := r.startWith(other, "renamed")
		r.until("the log says that nobody looks after it", func() bool {
			return strings.Contains(r.log.String(), "an open refund's provider is not configured")
		})
		if rec := r.get(id); rec.State != refund.Queued || rec.Attempts != 0 {
			t.Errorf("%s", r.story(rec))
		}
		r.calls(company, 0)
		// The journal takes the same payment and amount in anew under the new
		// name; the next test shows why no worker sends it too early.
		enqueuer := tasks.NewEnqueuer(r.backend, other)
		q := request(company, payment, "100.00")
		q.Provider = "renamed"
		if got, err := enqueuer.Peek(t.Context(), check(t, enqueuer, q)); err != nil || got.Status != tasks.Queued {
			t.Errorf("under the new name: %+v, %v", got, err)
		}
		w.stop()
		r.start()
		r.waitFor(id, refund.Succeeded)
		r.moved(company, payment, 100_00)
	})
}

// Under a new name an account is not worked as long as it has refunds under the
// old one that are open, or whose window is not over.
func TestRenamedAccountIsRefusedUntilTheOldNameIsDone(t *testing.T) {
	everyCompany(t, setup{top: map[string]string{"dedupe_window": "3s"}}, func(t *testing.T, r *rig, company string) {
		other := r.load(r.renamed("  "+company+":\n", "  renamed:\n"))
		other.Listen = "127.0.0.1:0"
		refused := func(why string) {
			t.Helper()
			w, err := worker.New(other, worker.Options{Log: zap.NewNop(), Name: "renamed"})
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"run": w.Run(t.Context()), "check": r.backend.CheckNames(t.Context(), other)} {
				if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), strconv.Quote(company)) {
					t.Errorf("%s: %v, want %q", what, err, why)
				}
			}
		}
		first := r.start()
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, sandbox.Fault{Kind: sandbox.ResetAfter})
		id := r.enqueue(request(company, payment, "100.00"))
		r.waitFor(id, refund.Unknown)
		refused("1 refunds of that name are unknown")
		r.waitFor(id, refund.Succeeded)
		refused("the window of refund " + id + " is not over")
		if err := r.backend.KeepsNames(t.Context(), r.cfg); err != nil {
			t.Errorf("what was refused has taken the name: %v", err)
		}
		r.until("the window is over", func() bool { rec := r.get(id); return rec.Now.After(rec.WindowEnds) })
		second := r.startWith(other, "renamed")
		r.until("it has the account", func() bool {
			return r.backend.KeepsNames(t.Context(), other) == nil && r.backend.KeepsNames(t.Context(), r.cfg) != nil
		})
		// The worker under the old name, still running, stops at its next check.
		if err := r.backend.KeepsNames(t.Context(), r.cfg); err == nil || !strings.Contains(err.Error(), `knows as "renamed"`) {
			t.Errorf("the old name: %v", err)
		}
		first.stop()
		second.stop()
	})
}

func check(t *testing.T, e *tasks.Enqueuer, q refund.Request) refund.Order {
	t.Helper()
	o, err := e.Check(q)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A name that points to another account than before: what is open and may have
// moved money at the old one is for a person, and nobody asks the new account
// about it. What never left goes to the new one.
func TestRepointedProviderKeepsItsHandsOffWhatWentToTheOther(t *testing.T) {
	everyCompany(t, setup{provider: map[string]string{"reconcile": "{first: 30s, settle: 60s}"}}, func(t *testing.T, r *rig, company string) {
		sent, waiting := r.pays(company, 500_00), r.pays(company, 500_00)
		r.companies.Fail(company, sent, sandbox.Fault{Kind: sandbox.ResetAfter})
		w := r.start()
		lost := r.enqueue(request(company, sent, "100.00"))
		unknown := r.waitFor(lost, refund.Unknown)
		w.stop()
		fresh := r.enqueue(request(company, waiting, "60.00"))

		base := r.companies.BaseURL(company)
		moved := r.load(r.renamed(base, strings.Replace(base, "127.0.0.1", "localhost", 1)))
		if moved.Providers[0].Fingerprint == unknown.Account {
			t.Fatal("the other address is the same account")
		}
		moved.Listen = "127.0.0.1:0"
		w = r.startWith(moved, "moved")
		r.until("it is due", func() bool { // a callback may come in between
			rec := r.get(lost)
			if rec.State != refund.Unknown {
				return true
			}
			_, err := r.backend.Journal.Apply(t.Context(), rec, journal.Step{By: "test"})
			return err == nil
		})
		if err := r.operator.Rouse(t.Context(), unknown); err != nil {
			t.Fatal(err)
		}
		if rec := r.waitFor(lost, refund.Review); rec.ReasonCode != "account_changed" || rec.Attempts != 1 {
			t.Errorf("%s", r.story(rec))
		}
		for _, risk := range []bool{false, true} {
			if rec := r.retry(lost, risk); rec.State != refund.Review || !r.noted(rec, "another account") {
				t.Errorf("risk %v: %s", risk, r.story(rec))
			}
		}
		r.waitFor(fresh, refund.Succeeded)
		for _, c := range r.companies.RecentCalls() {
			if c.Payment == sent && c.Operation == sandbox.OpStatus && c.At.After(unknown.AttemptEnd) {
				t.Errorf("the new account was asked about a refund of the old one: %+v", c)
			}
		}
		w.stop()

		// The old account again: now it can be proven.
		back := *r.second()
		back.Providers = append(back.Providers[:0:0], back.Providers...)
		back.Providers[0].Reconcile.Settle = time.Second
		r.startWith(&back, "back")
		if rec := r.retry(lost, false); rec.State != refund.Review || !r.noted(rec, "total rose by 100.00") {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, sent, 100_00)
		r.moved(company, waiting, 60_00)
		r.calls(company, 2)
	})
}

// Two names for one account would each have a window, a lock and a limit.
func TestTwoNamesForOneAccountAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	_, block, _ := strings.Cut(r.text, "providers:\n")
	for name, second := range map[string]string{
		"the same":            strings.Replace(block, "  unitpay:\n", "  again:\n", 1),
		"with a slash":        strings.NewReplacer("  unitpay:\n", "  again:\n", r.companies.BaseURL(sandbox.UnitPay), r.companies.BaseURL(sandbox.UnitPay)+"/").Replace(block),
		"other settings only": strings.NewReplacer("  unitpay:\n", "  again:\n", "timeout: 1s", "timeout: 2s").Replace(block),
	} {
		if _, err := loadText(r.text+second, r.env); err == nil || !strings.Contains(err.Error(), "is the same account as unitpay") {
			t.Errorf("%s: %v", name, err)
		}
	}
	env := maps.Clone(r.env)
	env["OTHER"] = "another-secret"
	other := strings.NewReplacer("  unitpay:\n", "  again:\n", "${UNITPAY_SECRET_KEY}", "${OTHER}").Replace(block)
	if _, err := loadText(r.text+other, env); err != nil {
		t.Errorf("another account: %v", err)
	}
}
