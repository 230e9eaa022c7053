package web_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"refundworker/refund"
)

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
