package web_test

import (
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/providers"
	"refundworker/refund"
	"refundworker/tally"
)

const payment = "1234512345"

func TestOverviewShowsHowEachProviderStands(t *testing.T) {
	r := open(t)
	r.take(asks("old", "1"))
	r.advance(90 * time.Minute)
	r.take(asks("waits", "2"))
	r.reviewed("id", payment)
	r.take(asks("runs", "3"))
	r.sends("runs")
	count := tally.New()
	for range 3 {
		count.Settled("unitpay", refund.Succeeded, 700*time.Millisecond)
	}
	count.Settled("unitpay", refund.Review, time.Hour)
	for range 60 {
		count.Called("unitpay")
		count.Called("maib")
		count.Called("sberbank")
	}
	if err := count.Flush(t.Context(), r.backend.Redis); err != nil {
		t.Fatal(err)
	}
	r.advance(time.Minute)
	body := r.shows("/", `<h2 id="p-unitpay">unitpay</h2>`, `<h2 id="p-maib">maib</h2>`, `<h2 id="p-sberbank">sberbank</h2>`,
		`<a href="/refunds?provider=unitpay&amp;state=queued">2</a>`, "1 sending</a>", `<a href="/refunds?provider=unitpay&amp;state=review">1</a>`,
		"1 h 31 min</time> <small>queued", "<strong>75 %</strong> succeeded", "3 succeeded", "1 to review", "within <strong>1 s</strong>",
		"Rate limit 10/s: 60 of 600 calls in the last full minute, 10 %", "No rate limit: 60 calls", "Rate limit 10/h: 60 of 10 calls in the last hour, 100 %",
		`1<span class="unseen"> waiting</span>`, `role="img" aria-label="Settled in the last hour`)
	if n := strings.Count(body, `<rect class="succeeded"`); n != 1 {
		t.Errorf("%d columns of succeeded refunds, want 1", n)
	}
}

func TestOverviewShowsAPauseOfItsOwn(t *testing.T) {
	r := open(t)
	board := pause.New(r.backend.Redis)
	if err := board.Report(t.Context(), "maib", pause.Credentials("wrong <key>")); err != nil {
		t.Fatal(err)
	}
	r.shows("/", "paused: credentials", "wrong &lt;key&gt;", "next trial call in")
}

// A provider that is no longer configured may still have refunds.
func TestOverviewShowsAProviderThatOnlyHasRefunds(t *testing.T) {
	r := open(t)
	o := refund.Order{RefundID: "id", Provider: "gone", PaymentID: "1", Asked: "1.00", Amount: refund.Money{Minor: 100, Currency: "RUB"}, Total: refund.Money{Currency: "RUB"}}
	if _, err := r.backend.Journal.Take(t.Context(), o, journal.Taking{}); err != nil {
		t.Fatal(err)
	}
	r.shows("/", "not configured here", `<a href="/refunds?provider=gone&amp;state=queued">1</a>`)
	r.shows("/refunds?provider=gone&state=queued", `href="/refunds/id"`)
}

func TestRefundsAreFoundByWhatAPersonHasInHand(t *testing.T) {
	r := open(t)
	q := asks("order-7-refund-1", payment)
	q.Metadata = map[string]string{"order": "7-spring", "customer": "c-1"}
	r.take(q)
	other := asks("other", "77")
	other.Metadata = map[string]string{"order": "7-spring-b"}
	r.take(other)
	guid := refund.Request{RefundID: "at-maib", Provider: "maib", PaymentID: "8ce09e40-2948-4225-a9c4-f277dbd58701", Amount: "5.00", Currency: "MDL", Reason: "why"}
	r.take(guid)
	twin, err := r.enqueuer.Enqueue(t.Context(), asks("twin", payment))
	if err != nil || twin.ExistingID != "order-7-refund-1" {
		t.Fatalf("%+v, %v", twin, err)
	}

	if got := r.page("/search?q=+order-7-refund-1+"); got.status != http.StatusSeeOther || got.location != "/refunds/order-7-refund-1" {
		t.Errorf("status %d to %q", got.status, got.location)
	}
	for path, want := range map[string][]string{
		"/search?q=" + payment:                         {"By payment", "/refunds/order-7-refund-1"},
		"/search?q=000" + payment:                      {"By payment", "/refunds/order-7-refund-1"}, // the canonical form has no zeros before it
		"/search?q=unitpay/" + payment:                 {"By payment", "/refunds/order-7-refund-1"},
		"/search?q=" + strings.ToUpper(guid.PaymentID): {"By payment", "/refunds/at-maib"},
		"/search?q=7-spring":                           {"By metadata", "/refunds/order-7-refund-1", "order: 7-spring", "/refunds/other"},
		"/search?q=7-spring-b":                         {"order: 7-spring-b"},
		"/search?q=c-1":                                {"customer: c-1"},
		"/search?q=twin":                               {"was refused when it was asked for", "/refunds/order-7-refund-1"},
		"/search?q=nothing-like-it":                    {"Nothing is called <strong>nothing-like-it</strong>"},
		"/search?q=gone/1":                             {"Nothing is called"},
		"/search?q=" + strings.Repeat("x", 129):        {"too long"},
		"/search":                                      {"A refund’s id leads to it"},
		"/search?q=%22%3E%3Cscript%3E":                 {"&#34;&gt;&lt;script&gt;"},
	} {
		r.shows(path, want...)
	}
	if body := r.page("/search?q=7-spring").body; strings.Index(body, "/refunds/order-7-refund-1") > strings.Index(body, "/refunds/other") {
		t.Error("what begins alike comes before what is equal")
	}
	if body := r.page("/search?q=7-spring-b").body; strings.Contains(body, "/refunds/order-7-refund-1") {
		t.Error("a shorter value is found")
	}
}

var rowLink = regexp.MustCompile(`<tr><th scope="row"><a class="id" href="/refunds/([^"]+)"`)
var nextLink = regexp.MustCompile(`<a href="([^"]+)" rel="next"`)

// walk follows a list to its end.
func walk(r *rig, path string) (ids []string, pages int) {
	r.t.Helper()
	for path != "" && pages < 100 {
		body := r.shows(path)
		pages++
		found := rowLink.FindAllStringSubmatch(body, -1)
		if len(found) > 50 {
			r.t.Errorf("%d rows on a page", len(found))
		}
		for _, m := range found {
			ids = append(ids, m[1])
		}
		path = ""
		if m := nextLink.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	return ids, pages
}

func TestListsComeInPagesAndReadNoMoreThanTheyShow(t *testing.T) {
	r := open(t)
	for i := range 120 {
		q := asks(fmt.Sprintf("id-%03d", i), payment)
		if i%2 == 0 {
			q.PaymentID = fmt.Sprint(9_000_000 + i)
		}
		q.Amount = fmt.Sprintf("%d.00", 10+i)
		q.Metadata = map[string]string{"batch": "spring", "customer": strings.Repeat("c", 20)}
		r.take(q)
		r.advance(time.Millisecond)
	}
	for path, want := range map[string]int{
		"/refunds?state=queued":                   120,
		"/refunds?state=queued&provider=unitpay":  120,
		"/refunds?state=queued&provider=sberbank": 0,
		"/refunds?state=succeeded":                0,
		"/refunds?payment=unitpay/" + payment:     60,
		"/search?q=spring":                        120,
	} {
		ids, pages := walk(r, path)
		seen := map[string]bool{}
		for _, id := range ids {
			seen[id] = true
		}
		if len(ids) != want || len(seen) != want || pages != max((want+49)/50, 1) {
			t.Errorf("%s: %d refunds, %d of them different, on %d pages; want %d", path, len(ids), len(seen), pages, want)
		}
	}
	for _, path := range []string{"/refunds?state=queued", "/search?q=spring", "/refunds?payment=unitpay/" + payment, "/refunds/id-001", "/review", "/"} {
		if n := r.loads(func() { r.shows(path) }); n > 51+3 { // and the pauses
			t.Errorf("%s ran %d scripts", path, n)
		}
	}
}

func TestListRefusesAnAddressThatIsNone(t *testing.T) {
	r := open(t)
	for path, status := range map[string]int{
		"/refunds?state=happy": http.StatusBadRequest, "/refunds?after=x": http.StatusBadRequest, "/review?after=x": http.StatusBadRequest,
		"/refunds?provider=nobody": http.StatusNotFound, "/refunds?payment=1": http.StatusBadRequest, "/refunds?payment=unitpay/1&from=-1": http.StatusBadRequest,
		"/refunds/nobody": http.StatusNotFound, "/refunds/" + strings.Repeat("x", 65): http.StatusNotFound, "/refunds/a%20b": http.StatusNotFound,
		"/refunds/": http.StatusNotFound, "/nothing": http.StatusNotFound, "/assets/": http.StatusNotFound, "/assets/x.css": http.StatusNotFound, "/assets/..%2fsite.go": http.StatusBadRequest,
	} {
		if got := r.page(path); got.status != status {
			t.Errorf("%s: status %d, want %d", path, got.status, status)
		}
	}
}

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
	rec.EndAttempt(set, r.now, "partial", "E5", "points stay", []providers.Part{{Operation: "deposited", Minor: 588, Moved: true, Reference: "ref-1"}, {Operation: "loyalty", Minor: 9412}})
	r.step("id", journal.Step{To: refund.Review, NoDue: true, By: "worker one", Note: "to review", Set: set})
	for _, path := range []string{"/refunds/id", "/review"} {
		r.shows(path, "An answer was lost, and the provider can&#39;t tell whether money moved.", "Look the payment up in the provider&#39;s portal",
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

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'` + "`{{.}}"

// What others wrote is text, wherever it stands.
func TestHostileTextIsOnlyText(t *testing.T) {
	r := open(t)
	q := asks("id", payment)
	q.Reason = hostile
	q.Metadata = map[string]string{hostile: hostile, "url": "javascript:alert(1)"}
	q.Receipt = &refund.Receipt{Items: []refund.Item{{Name: hostile, Count: "1", Price: "100.00"}}, CustomerEmail: hostile + "@x"}
	r.take(q)
	r.sends("id")
	rec := r.get("id")
	set := map[string]string{"reason_code": hostile, "why": hostile, "provider_refund_id": hostile, "unproven": "1", "moved": "1"}
	rec.EndAttempt(set, r.now, hostile, hostile, hostile, []providers.Part{{Operation: hostile, Minor: 1, Reference: hostile}})
	r.step("id", journal.Step{To: refund.Review, NoDue: true, By: hostile, Note: hostile, Set: set})
	r.step("id", journal.Step{By: hostile, Note: "asked", Set: map[string]string{"contradicted": hostile, "request": `{"by":"` + strings.ReplaceAll(hostile, `"`, `\"`) + `"}`}, NoDue: true})
	r.shows("/") // so that what follows reads the counts
	for _, path := range []string{"/refunds/id", "/review", "/refunds?state=review", "/search?q=" + strings.ReplaceAll("javascript:alert(1)", ":", "%3A"), "/refunds?payment=unitpay/" + payment} {
		body := r.shows(path)
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, "onerror=alert(2)>"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
	}
	got := r.post("/refunds/id/resolve", r.form("id", "outcome", hostile, "moved", hostile, "by", hostile, "note", hostile))
	for _, bad := range []string{"<script>alert", "<img src=x"} {
		if strings.Contains(got.body, bad) {
			t.Errorf("a form that failed holds %q", bad)
		}
	}
}

func TestNoPageHoldsPersonalDataOrASecret(t *testing.T) {
	r := open(t)
	const email, phone = "ivan.petrov@example.com", "+79123456789"
	q := asks("id", payment)
	q.Receipt = &refund.Receipt{Items: []refund.Item{{Name: "book", Count: "1", Price: "100.00"}}, CustomerEmail: email, CustomerPhone: phone}
	r.take(q)
	r.sends("id")
	r.ends("id", refund.Review, "the address "+email+" and the number "+phone+" are wrong", map[string]string{"reason_code": "refused", "why": "refused: " + email})
	pages := map[string]string{}
	for _, path := range []string{"/", "/refunds/id", "/review", "/refunds?state=review", "/search?q=" + payment, "/refunds?payment=unitpay/" + payment,
		"/asynqmon/api/queues/unitpay/pending_tasks", "/asynqmon/api/queues/unitpay/tasks/id"} {
		pages[path] = r.shows(path)
	}
	pages["a failed form"] = r.post("/refunds/id/resolve", r.form("id")).body
	for path, body := range pages {
		for _, secret := range []string{email, "ivan.petrov", phone, "9123456789", unitpayKey, maibSecret, sberPassword} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}
	says(t, "the refund's page", pages["/refunds/id"], "i***@example.com", "***89", "1 × book, 100.00")
	says(t, "asynqmon", pages["/asynqmon/api/queues/unitpay/tasks/id"], "i***@example.com", "***89", `\"payment_id\":\"`+payment)
}

func TestWithoutRedisAPageSaysSo(t *testing.T) {
	r := open(t)
	r.mini.SetError("LOADING Redis is loading")
	for _, path := range []string{"/", "/review", "/refunds", "/refunds/id", "/search?q=1", "/refunds?payment=unitpay/1"} {
		if got := r.page(path); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "Redis does not answer as it should") {
			t.Errorf("%s: status %d\n%s", path, got.status, got.body)
		}
	}
}

// The pages work from the worker alone, and without what the browser may lack.
func TestPagesLoadNothingFromElsewhereAndHaveNoInlineCode(t *testing.T) {
	r := open(t)
	r.reviewed("id", payment)
	for _, path := range []string{"/", "/refunds/id", "/review", "/refunds?state=review", "/search?q=x"} {
		body := r.shows(path, `<html lang="en">`, `href="#main"`, `<main id="main"`, `name="viewport"`, "<h1")
		for _, bad := range []string{"http://", "https://", "//cdn", " style=", " onclick=", "<style"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if n := strings.Count(body, "<script"); n != 1 {
			t.Errorf("%s has %d scripts", path, n)
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if ids[m[1]] {
				t.Errorf("%s has the id %q twice", path, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(` for="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !ids[m[1]] {
				t.Errorf("%s has a label for %q, which is not there", path, m[1])
			}
		}
	}
	for path, kind := range map[string]string{"/assets/style.css": "text/css", "/assets/live.js": "text/javascript", "/assets/icon.svg": "image/svg+xml"} {
		if got := r.page(path); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), kind) {
			t.Errorf("%s: status %d, %s", path, got.status, got.header.Get("Content-Type"))
		}
	}
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

// A cluster's looks go to several servers, and asynqmon runs on its client.
func TestPagesAndAsynqmonInACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 2)
	r := openOn(t, cluster.URL.Reveal())
	for i := range 5 {
		q := asks(fmt.Sprint("id-", i), fmt.Sprint(8_000_000+i))
		q.Metadata = map[string]string{"order": "seven"}
		r.take(q)
	}
	r.shows("/", `state=queued">5</a>`)
	for _, path := range []string{"/refunds?state=queued", "/search?q=seven"} {
		if ids, _ := walk(r, path); len(ids) != 5 {
			t.Errorf("%s: %v", path, ids)
		}
	}
	got := r.post("/refunds/id-1/cancel", r.form("id-1"))
	if rec := r.get("id-1"); got.status != http.StatusSeeOther || rec.State != refund.Canceled {
		t.Errorf("status %d, %s", got.status, rec.State)
	}
	r.shows("/asynqmon/api/queues", `"queue":"unitpay"`)
	r.shows("/asynqmon/api/queues/unitpay/tasks/id-2", `\"refund_id\":\"id-2\"`)
	r.shows("/asynqmon/api/redis_info", `"cluster":true`)
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
