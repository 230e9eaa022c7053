package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers"
	"refundworker/refund"
)

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
	ended := rec.EndAttempt(r.now, hostile, hostile, hostile, []providers.Part{{Operation: hostile, Minor: 1, Reference: hostile}})
	r.step("id", journal.Step{To: refund.Review, NoDue: true, By: hostile, Note: hostile, Set: set, Ended: ended})
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
	q.Reason, q.Metadata = "Ivan.Petrov@Example.com asked", map[string]string{"who": email, "call": "7 912 345 67 89", "order": "7"}
	r.take(q)
	r.sends("id")
	r.ends("id", refund.Review, "the address "+email+" and the number "+phone+" are wrong", map[string]string{"reason_code": "refused", "why": "refused: " + email})
	pages := map[string]string{}
	for _, path := range []string{"/", "/refunds/id", "/review", "/refunds?state=review", "/search?q=" + payment, "/search?q=ivan", "/refunds?payment=unitpay/" + payment,
		"/asynqmon/api/queues/unitpay/pending_tasks", "/asynqmon/api/queues/unitpay/tasks/id"} {
		pages[path] = r.shows(path)
	}
	pages["a failed form"] = r.post("/refunds/id/resolve", r.form("id")).body
	for path, body := range pages {
		for _, secret := range []string{email, "ivan.petrov", phone, "9123456789", "345 67", unitpayKey, maibSecret, sberPassword} {
			if strings.Contains(strings.ToLower(body), strings.ToLower(secret)) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}
	says(t, "the refund's page", pages["/refunds/id"], "i***@example.com asked", "***89", "1 × book, 100.00", `<dt><code>who</code></dt><dd>i***@example.com</dd>`, `href="/search?q=7"`)
	says(t, "a search", pages["/search?q=ivan"], "who: i***@example.com")
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
