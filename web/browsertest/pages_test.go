package browsertest_test

import (
	"testing"
)

// TestEveryPageCanBeUsedByEverybody looks at each page in light and dark, in a
// large window and on a phone.
func TestEveryPageCanBeUsedByEverybody(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	b := open(t, browser, r.origin)
	for path, status := range map[string]int{
		"/": 200, "/review": 200, "/refunds": 200, "/refunds?provider=maib&state=review": 200,
		"/refunds/order-20410-refund-1": 200, "/refunds/order-20432-refund-1": 200, "/refunds/order-20433-refund-1": 200,
		"/refunds/order-20434-refund-1": 200, "/refunds/order-20436-refund-1": 200, "/refunds/none": 404,
		"/search": 200, "/search?q=web+shop": 200, "/search?q=nothing": 200, "/search?q=7204118001": 200,
	} {
		b.see(looks[0])
		if got := b.visit(path); got != status {
			t.Errorf("%s: HTTP %d, want %d", path, got, status)
		}
		if status >= 400 {
			b.refused(status)
		}
		eval[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
		b.inspect()
	}
}

func TestTheLoginCanBeUsedByEverybody(t *testing.T) {
	browser := browse(t)
	r := newRig(t, withLogin)
	b := open(t, browser, r.origin)
	b.visit("/login")
	b.inspect()
	b.login("ann", "wrong")
	b.refused(403)
	b.inspect()
}

func TestAsynqmonShowsTheQueues(t *testing.T) {
	browser := browse(t)
	r := newRig(t, "")
	r.fill()
	b := open(t, browser, r.origin)
	b.visit("/asynqmon/")
	b.wait("the queues", `document.body.innerText.includes("unitpay")`)
	b.forgive("Loading the stylesheet 'https://fonts.googleapis.com/") // does without
}
