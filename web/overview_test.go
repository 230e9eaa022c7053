package web_test

import (
	"strings"
	"testing"
	"time"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/refund"
	"refundworker/tally"
)

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
