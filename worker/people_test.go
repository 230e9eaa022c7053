package worker_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// atOnce runs the actions at the same moment and returns their errors.
func atOnce(actions ...func() error) []error {
	errs := make([]error, len(actions))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, act := range actions {
		group.Go(func() {
			<-start
			errs[i] = act()
		})
	}
	close(start)
	group.Wait()
	return errs
}

// winners are the places of the actions that were done. Every other one must
// have been told that it was not possible.
func winners(t *testing.T, errs []error) []int {
	t.Helper()
	var won []int
	for i, err := range errs {
		switch {
		case err == nil:
			won = append(won, i)
		case !errors.Is(err, tasks.ErrNotPossible):
			t.Errorf("action %d: %v, want it done or not possible", i, err)
		}
	}
	return won
}

// said are the history's entries that a person made; each must say who, when
// and why.
func (r *rig) said(rec *journal.Record, by string) []journal.Entry {
	r.t.Helper()
	list, err := r.backend.Journal.History(r.t.Context(), rec)
	if err != nil {
		r.t.Fatal(err)
	}
	var found []journal.Entry
	for _, h := range list {
		if strings.HasPrefix(h.By, by) {
			if h.At.IsZero() || h.At.After(rec.Now) || h.Note == "" {
				r.t.Errorf("history entry %+v does not say when and why", h)
			}
			found = append(found, h)
		}
	}
	return found
}

func TestOneOfManyResolutionsWins(t *testing.T) {
	everyCompany(t, setup{provider: noResends}, func(t *testing.T, r *rig, company string) {
		r.start()
		payment, id := r.inReview(company)
		var actions []func() error
		for i := range 12 {
			answer := tasks.Resolution{Outcome: refund.Declined, Note: fmt.Sprintf("why %d", i), By: fmt.Sprintf("person-%d", i)}
			if i%2 == 0 {
				answer.Outcome = refund.Succeeded
			}
			actions = append(actions, func() error { _, err := r.operator.Resolve(t.Context(), id, answer); return err })
		}
		won := winners(t, atOnce(actions...))
		rec := r.get(id)
		if len(won) != 1 || !rec.State.Terminal() || (won[0]%2 == 0) != (rec.State == refund.Succeeded) {
			t.Fatalf("won: %v\n%s", won, r.story(rec))
		}
		said := r.said(rec, "person-")
		if len(said) != 1 || said[0].By != fmt.Sprintf("person-%d", won[0]) || said[0].Note != fmt.Sprintf("why %d", won[0]) || said[0].To != rec.State {
			t.Errorf("%+v", said)
		}
		r.moved(company, payment, 0)
		r.calls(company, 1)
	})
}

func TestOneOfManyRetriesIsCarriedOut(t *testing.T) {
	everyCompany(t, setup{provider: noResends}, func(t *testing.T, r *rig, company string) {
		w := r.start()
		payment, id := r.inReview(company)
		w.stop() // nobody carries one out before all were asked
		var actions []func() error
		for i := range 12 {
			ask := journal.RetryRequest{By: fmt.Sprintf("person-%d", i), Note: fmt.Sprintf("why %d", i)}
			actions = append(actions, func() error { _, err := r.operator.Retry(t.Context(), id, ask); return err })
		}
		won := winners(t, atOnce(actions...))
		if len(won) != 1 {
			t.Fatalf("won: %v\n%s", won, r.story(r.get(id)))
		}
		r.startWith(r.second(), "second")
		rec := r.waitFor(id, refund.Succeeded)
		said := r.said(rec, "person-")
		who, why := fmt.Sprintf("person-%d", won[0]), fmt.Sprintf("why %d", won[0])
		if len(said) != 2 || said[0].By != who || said[1].By != who || said[0].Note != "retry asked: "+why || !strings.HasSuffix(said[1].Note, ": "+why) {
			t.Errorf("%+v", said)
		}
		r.moved(company, payment, 100_00)
		r.calls(company, 2)
	})
}

// Somebody decides while somebody else has a retry tried: whatever comes first,
// the refund ends in one way and is sent once more at most.
func TestRetryAndResolveDoNotBothHappen(t *testing.T) {
	everyCompany(t, setup{provider: noResends}, func(t *testing.T, r *rig, company string) {
		r.start()
		const rounds = 4
		type round struct{ payment, id string }
		var all []round
		for range rounds {
			payment, id := r.inReview(company)
			all = append(all, round{payment, id})
		}
		for i, it := range all {
			ctx := t.Context()
			resolve := func() error {
				_, err := r.operator.Resolve(ctx, it.id, tasks.Resolution{Outcome: refund.Declined, Note: "the portal shows nothing", By: "anna"})
				return err
			}
			retry := func() error {
				_, err := r.operator.Retry(ctx, it.id, journal.RetryRequest{By: "boris", Note: "please"})
				return err
			}
			errs := atOnce(retry, retry, resolve, resolve, func() error { // and while the worker carries it out
				for range 5 * i { // a little later in each round
					r.get(it.id)
				}
				return resolve()
			})
			resolved := 0
			for _, err := range errs[2:] {
				if err == nil {
					resolved++
				}
			}
			winners(t, errs)
			rec := r.waitFor(it.id, refund.Succeeded, refund.Declined)
			moved := r.companies.Moved(company, it.payment)
			if resolved > 1 || (resolved == 1) != (rec.State == refund.Declined) || (rec.State == refund.Declined) != (moved == 0) || moved > 100_00 {
				t.Errorf("resolved %d times, moved %d\n%s", resolved, moved, r.story(rec))
			}
			if decisions := r.said(rec, "anna"); len(decisions) != resolved {
				t.Errorf("%+v", decisions)
			}
		}
	})
}

func TestCancelRacesWithTheWorker(t *testing.T) {
	everyCompany(t, setup{}, func(t *testing.T, r *rig, company string) {
		r.start()
		canceled := 0
		for i := range 15 {
			payment := r.pays(company, 500_00)
			id := r.enqueue(request(company, payment, "100.00"))
			var actions []func() error
			for n := range 6 {
				actions = append(actions, func() error {
					if n > 0 { // a little later each time, so that some meet the attempt
						r.get(id)
					}
					_, err := r.operator.Cancel(t.Context(), id, fmt.Sprintf("person-%d", n), "not wanted")
					return err
				})
			}
			if i%3 == 0 {
				r.until("it has begun", func() bool { return r.get(id).Attempts > 0 })
			}
			won := winners(t, atOnce(actions...))
			rec := r.waitFor(id, refund.Succeeded, refund.Canceled)
			moved := r.companies.Moved(company, payment)
			switch rec.State {
			case refund.Canceled:
				canceled++
				// Whoever comes after is told the same: it is canceled.
				if moved != 0 || len(won) == 0 || rec.Attempts != 0 {
					t.Errorf("won %v, moved %d\n%s", won, moved, r.story(rec))
				}
				if said := r.said(rec, "person-"); len(said) != 1 || said[0].To != refund.Canceled || said[0].Note != "not wanted" {
					t.Errorf("%+v", said)
				}
			default:
				if len(won) != 0 || moved != 100_00 || len(r.said(rec, "person-")) != 0 {
					t.Errorf("won %v, moved %d\n%s", won, moved, r.story(rec))
				}
			}
		}
		t.Logf("%d of 15 were canceled in time", canceled)
	})
}

// What the provider has taken on is not sent again because somebody says retry:
// it may still be paid.
func TestRetryOfWhatTheProviderHasIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, top: map[string]string{"retry": "{initial: 50ms, max: 200ms, give_up_after: 2s}"},
		provider: noResends, sandbox: sandbox.Options{SettleDelay: time.Hour}})
	r.start()
	for name, kind := range map[string]sandbox.FaultKind{"given up while maib works on it": sandbox.NoFault, "left to a person at maib": sandbox.ManualLater,
		"without an id to ask by": sandbox.ZeroRefundID} {
		payment := r.pays(sandbox.Maib, 500_00)
		if kind != sandbox.NoFault {
			r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: kind})
		}
		id := r.enqueue(request(sandbox.Maib, payment, "100.00"))
		r.waitFor(id, refund.Review)
		for _, risk := range []bool{false, true} {
			if rec := r.retry(id, risk); rec.State != refund.Review || rec.Attempts != 1 || !r.noted(rec, "retry refused: ") {
				t.Errorf("%s, risk %v: %s", name, risk, r.story(rec))
			}
		}
	}
}

func TestActionsNeedAName(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.UnitPay}})
	id := r.enqueue(request(sandbox.UnitPay, r.pays(sandbox.UnitPay, 500_00), "100.00"))
	ctx := t.Context()
	_, resolve := r.operator.Resolve(ctx, id, tasks.Resolution{Outcome: refund.Declined, Note: "n"})
	_, retry := r.operator.Retry(ctx, id, journal.RetryRequest{Note: "n"})
	_, cancel := r.operator.Cancel(ctx, id, "", "n")
	_, approve := r.operator.Approve(ctx, id, " ", "n")
	for what, err := range map[string]error{"resolve": resolve, "retry": retry, "cancel": cancel, "approve": approve,
		"pause": r.operator.Pause(ctx, sandbox.UnitPay, "", "n"), "resume": r.operator.Resume(ctx, sandbox.UnitPay, "")} {
		var faults refund.Invalid
		if !errors.As(err, &faults) || faults[0].Field != "by" {
			t.Errorf("%s: %v, want that a name is required", what, err)
		}
	}
}
