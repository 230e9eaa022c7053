package browsertest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
)

// TestAnOperatorFindsAndDecides goes the way of a person who has to decide a
// refund, from the overview on; with the pages' scripts, and without.
func TestAnOperatorFindsAndDecides(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	for name, c := range map[string]struct {
		scripts bool
		id      string
		moved   string
	}{
		"with scripts":    {true, "order-20433-refund-1", ""},
		"without scripts": {false, "order-20434-refund-1", "180.00"},
	} {
		t.Run(name, func(t *testing.T) {
			r := r.in(t)
			b := open(t, browser, r.origin)
			if !c.scripts {
				b.scriptless()
			}
			b.visit("/")
			b.says("Overview", "unitpay", "maib", "sberbank", "paused", "merchant account under maintenance until noon")

			order, _, _ := strings.Cut(c.id, "-refund")
			b.fill("#q", order)
			b.load("search", chromedp.KeyEvent(kb.Enter))
			b.says(c.id, "in review")
			b.follow(`main a[href="/refunds/` + c.id + `"]`)
			b.says(c.id, "in review", "History", "Attempts", "returned by the customer")
			b.follow(`nav a[href="/review"]`)
			b.says("order-20435-refund-2", c.id)

			form := `form[action="/refunds/` + c.id + `/resolve"]`
			b.click(`details:has(` + form + `) > summary`)
			b.click(form + ` input[value="succeeded"]`)
			if c.moved != "" {
				b.fill(form+` input[name="moved"]`, c.moved)
			}
			b.fill(form+` textarea[name="note"]`, "seen in the bank's portal")
			b.fill(form+` input[name="by"]`, "Ann Example")
			b.follow(form + ` button`)
			if b.path() != "/review" {
				t.Errorf("a decision leads to %s", b.path())
			}
			b.says("The review is decided: " + c.id)
			if b.has(form) {
				t.Error("what is decided still waits")
			}
			b.visit("/refunds/" + c.id)
			b.says("succeeded", "Ann Example", "seen in the bank's portal")
			rec := r.becomes(c.id, refund.Succeeded)
			if last := r.last(rec); last.By != "Ann Example" || last.Note != "seen in the bank's portal" {
				t.Errorf("the history ends with %+v", last)
			}
			if moved := rec.View().AmountMoved; c.moved != "" && moved != c.moved {
				t.Errorf("moved %s, want %s", moved, c.moved)
			}
		})
	}
}

func TestWhatWasDecidedMeanwhileIsToldPlainly(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	const id = "order-20435-refund-2"
	first, second := open(t, browser, r.origin), open(t, browser, r.origin)
	for _, b := range []*tab{first, second} {
		b.visit("/refunds/" + id)
		b.click(`details:has(form[action$="/resolve"]) > summary`)
		b.click(`input[value="declined"]`)
		b.fill(`form[action$="/resolve"] textarea`, "maib's support: nothing arrived")
		b.fill(`form[action$="/resolve"] input[name="by"]`, "Bob")
	}
	if status := first.follow(`form[action$="/resolve"] button`); status != 200 {
		t.Errorf("the first: HTTP %d", status)
	}
	if status := second.follow(`form[action$="/resolve"] button`); status != 409 {
		t.Errorf("the second: HTTP %d", status)
	}
	second.refused(409)
	second.says("Nothing was done", "declined")
	second.inspect()
}

func TestAQueuedRefundIsCanceledAndAProviderResumed(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	b := open(t, browser, r.origin)
	b.visit("/refunds/order-20436-refund-1")
	b.says("queued")
	b.click(`details:has(form[action$="/cancel"]) > summary`)
	b.fill(`form[action$="/cancel"] textarea`, "the customer keeps it")
	b.fill(`form[action$="/cancel"] input[name="by"]`, "Ann")
	b.follow(`form[action$="/cancel"] button`)
	b.says("Canceled: order-20436-refund-1", "the customer keeps it")
	r.becomes("order-20436-refund-1", refund.Canceled)

	b.visit("/")
	b.click(`details:has(form[action="/providers/unitpay/resume"]) > summary`)
	b.follow(`form[action="/providers/unitpay/resume"] button`)
	b.says("Calls go out again")
	if state, err := r.operator.Paused(t.Context(), sandbox.UnitPay); err != nil || state.By != "" {
		t.Errorf("unitpay: %+v, %v", state, err)
	}
}

func TestAPageKeepsUpWithoutTakingAnythingAway(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	const mine, other = "order-20433-refund-1", "order-20435-refund-2"
	b := open(t, browser, r.origin)
	b.visit("/review")
	form := `form[action="/refunds/` + mine + `/resolve"]`
	b.click(`details:has(` + form + `) > summary`)
	b.fill(form+` textarea[name="note"]`, "on the phone with maib")
	if _, err := r.operator.Resolve(t.Context(), other, tasks.Resolution{Outcome: refund.Declined, Note: "nothing arrived", By: "Bob"}); err != nil {
		t.Fatal(err)
	}
	b.wait("the review that another person decided to go", `(e => e === null || e.classList.contains("gone"))(document.querySelector('[data-live="r-`+other+`"]'))`)
	if note := eval[string](b, `document.querySelector('`+form+` textarea').value`); note != "on the phone with maib" {
		t.Errorf("what was typed is %q now", note)
	}
	if !eval[bool](b, `document.activeElement === document.querySelector('`+form+` textarea')`) {
		t.Error("the cursor is elsewhere now")
	}
}

func TestTheKeyboardGoesPastTheHead(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	b := open(t, browser, r.origin)
	b.visit("/")
	b.do("press Tab", chromedp.KeyEvent(kb.Tab))
	if !eval[bool](b, `document.activeElement.matches("a.skip")`) {
		t.Error("the first stop is not the link to the content")
	}
	b.do("press Enter", chromedp.KeyEvent(kb.Enter))
	b.wait("the content to have the focus", `document.activeElement.id === "main"`)
}
