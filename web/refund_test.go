package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

const payment = "1234512345"

// Each state says in words where the refund stands and what comes next.
func TestARefundsPageSaysWhereItStandsInEveryState(t *testing.T) {
	for state, c := range map[refund.State]struct {
		bring func(r *rig)
		says  []string
	}{
		refund.Queued:  {func(*rig) {}, []string{"Taken in, and not sent yet", "as soon as the queue and the rate limit let it", "nothing has been sent"}},
		refund.Sending: {func(r *rig) { r.sends("id") }, []string{"Attempt 1 is on its way", "2026-01-01 12:00:15 UTC", "Attempt 1: running"}},
		refund.Unknown: {func(r *rig) {
			r.sends("id")
			r.ends("id", refund.Unknown, "no answer in time", map[string]string{"unproven": "1", "why": "asking the provider"})
		}, []string{"Nobody knows yet whether money moved", "counts as proof only after 2026-01-01 12:10:00 UTC", "2026-01-01 12:00:05 UTC", "asking the provider", "unknown (timeout): no answer in time"}},
		refund.Accepted: {func(r *rig) { r.sends("id"); r.ends("id", refund.Accepted, "recorded", nil) }, []string{"The provider has it and works on it", "2026-01-01 12:00:05 UTC"}},
		refund.Succeeded: {func(r *rig) {
			r.sends("id")
			r.ends("id", refund.Succeeded, "paid", map[string]string{"moved": "10000", "by_total": "1", "reason_code": "proven_by_total"})
		}, []string{"The money is on its way back", "proves it", "until the window ends. <strong>2026-01-01 12:30:00 UTC", "100.00 RUB"}},
		refund.Declined: {func(r *rig) {
			r.sends("id")
			r.ends("id", refund.Declined, "no", map[string]string{"reason_code": "-32602"})
		}, []string{"No money moved, and none will", "The provider&#39;s code: -32602."}},
		refund.Canceled: {func(r *rig) {
			r.step("id", journal.Step{To: refund.Canceled, NoDue: true, By: "ann", Note: "a slip", Set: map[string]string{"reason_code": "canceled"}})
		}, []string{"Withdrawn before anything was sent", "a slip"}},
	} {
		t.Run(string(state), func(t *testing.T) {
			r := open(t)
			r.take(asks("id", payment))
			c.bring(r)
			r.shows("/refunds/id", append(c.says, `chip `+string(state), "one item returned", ">clerk<")...)
		})
	}
}

var reasons = regexp.MustCompile(`(?:review\(ctx, rec|toReview\([a-zA-Z.]+|to\(refund\.Review|"reason_code": *|"reason_code"\] = (?:"1", )?)[, ]*"([a-z_]+)"`)

// Every reason that a worker gives for a review has its guide on the pages and
// its row in the README.
func TestEveryReasonForAReviewHasItsGuide(t *testing.T) {
	files, err := filepath.Glob("../tasks/*.go")
	if err != nil {
		t.Fatal(err)
	}
	final := []string{"resolved", "canceled", "proven_by_total", "exceeds_refundable"} // reasons of final states
	codes := map[string]bool{journal.NeedsApproval: true}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reasons.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") && !slices.Contains(final, m[1]) {
				codes[m[1]] = true
			}
		}
	}
	if len(codes) < 13 {
		t.Fatalf("found only %v: the expression needs a look", codes)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	r := open(t)
	r.reviewed("id", payment)
	for code := range codes {
		r.step("id", journal.Step{NoDue: true, By: "worker one", Set: map[string]string{"reason_code": code}})
		if strings.Contains(r.shows("/refunds/id"), "The worker can&#39;t decide it.") {
			t.Errorf("%s has no guide on the pages", code)
		}
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + code + "`").Match(readme) {
			t.Errorf("%s has no row in the README", code)
		}
	}
}

func TestARefundInReviewComesWithItsEvidence(t *testing.T) {
	r := open(t)
	first := asks("first", payment)
	first.Amount, first.PaymentTotal = "30.00", "500.00"
	r.take(first)
	r.sends("first")
	r.ends("first", refund.Succeeded, "paid", map[string]string{"moved": "3000"})
	q := asks("id", payment)
	q.Metadata = map[string]string{"order": "7"}
	r.take(q)
	none := int64(30_00)
	if _, err := r.backend.Journal.Begin(t.Context(), r.get("id"), journal.Beginning{Baseline: &none, Timeout: time.Second, Grace: time.Second, MaxAge: time.Minute, By: "worker one", Token: journal.NewToken(), Set: map[string]string{"baseline": "3000"}}); err != nil {
		t.Fatal(err)
	}
	rec := r.get("id")
	set := map[string]string{"reason_code": "not_proven", "unproven": "1", "first_unproven": "1767268800000", "known": "1", "why": "the provider can't tell", "provider_refund_id": "R-4711"}
	ended := rec.EndAttempt(r.now, "partial", "E5", "points stay", []providers.Part{{Operation: "deposited", Minor: 588, Moved: true, Reference: "ref-1"}, {Operation: "loyalty", Minor: 9412}})
	r.step("id", journal.Step{To: refund.Review, NoDue: true, By: "worker one", Note: "to review", Set: set, Ended: ended})
	for _, path := range []string{"/refunds/id", "/review"} {
		r.shows(path, "An answer was lost, and it is not proven whether money moved.", "Look the payment up in the provider&#39;s portal",
			"100.00 RUB", "30.00 RUB", "R-4711", "partial (E5): points stay", "deposited 5.88 RUB: <strong>moved</strong> (ref-1)", "loyalty 94.12 RUB: <strong>did not move</strong>",
			"has shown that it has the request", "2026-01-01 12:00:00 UTC")
	}
	r.shows("/refunds/id", `href="/refunds/first"`, `href="/search?q=7"`, "to review", "refunded twice")
	r.step("id", journal.Step{By: "ann", Note: "x", Set: map[string]string{"request": `{"by":"ann","note":"x"}`}, Due: time.Minute})
	r.shows("/review", "ann has asked to try again", "2026-01-01 12:01:00 UTC")
}

func TestEvidenceAgainstAFinalStateStandsOut(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	r.sends("id")
	rec := r.ends("id", refund.Succeeded, "paid", map[string]string{"moved": "10000"})
	r.step("id", rec.Contradict("worker one", "the provider says <reversed>"))
	r.shows("/refunds/id", "Evidence against this state has come up", "the provider says &lt;reversed&gt;")
	r.shows("/refunds?state=succeeded", "contradicted")
}

func TestALongHistoryIsCut(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	for i := range 203 {
		r.step("id", journal.Step{By: "callback", Note: fmt.Sprintf("call %d.", i)})
	}
	body := r.shows("/refunds/id", "4 earlier entries are not shown", "call 202.", "call 3.")
	if strings.Contains(body, "call 2.<") {
		t.Error("an earlier entry is shown")
	}
}

func TestARefundInATraceNamesIt(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	if strings.Contains(r.shows("/refunds/id"), "Trace") {
		t.Error("a refund in no trace names one")
	}
	r.step("id", journal.Step{Set: map[string]string{"trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	r.shows("/refunds/id", "<dt>Trace</dt><dd class=\"id\">0af7651916cd43dd8448eb211c80319c</dd>")
}

func TestAQueuedRefundSaysThatRedisWasRestored(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	if strings.Contains(r.shows("/refunds/id"), "Redis was restored") {
		t.Error("it says so before")
	}
	if err := r.backend.Journal.AfterRestore(t.Context(), r.now); err != nil {
		t.Fatal(err)
	}
	r.shows("/refunds/id", "Redis was restored: it goes out only where the provider counts exactly what the journal knows")
}
