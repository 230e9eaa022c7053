package browsertest_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"refundworker/internal/redistest"
	"refundworker/refund"
)

// login sends the form and returns the status of what it leads to.
func (b *tab) login(name, password string) int {
	b.t.Helper()
	b.fill("#name", name)
	b.fill("#password", password)
	return b.load("log in", chromedp.KeyEvent(kb.Enter))
}

func TestPeopleLogInAndOut(t *testing.T) {
	browser := browse(t)
	r := newRig(t, withLogin)
	r.fill()
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			r := r.in(t)
			b := open(t, browser, r.origin)
			if !scripts {
				b.scriptless()
			}
			b.visit("/refunds/order-20433-refund-1")
			if b.path() != "/login" {
				t.Fatalf("a stranger is at %s", b.path())
			}
			if status := b.login("bob", "wrong"); status != 403 {
				t.Errorf("a wrong password: HTTP %d", status)
			}
			b.refused(403)
			b.says("The name or the password is wrong.")
			b.login("bob", "bob-pass")
			if b.path() != "/refunds/order-20433-refund-1" {
				t.Fatalf("after the login: %s", b.path())
			}
			b.says("order-20433-refund-1", "in review", "bob")
			if b.has("main form") {
				t.Error("a viewer is offered a form")
			}
			b.follow(`form[action="/logout"] button`)
			b.says("You are logged out.")
			b.visit("/review")
			if b.path() != "/login" {
				t.Errorf("after the logout: %s", b.path())
			}
		})
	}
}

func TestAnOperatorActsUnderTheNameOfTheLogin(t *testing.T) {
	browser := browse(t)
	r := newRig(t, withLogin)
	r.fill()
	const id = "order-20433-refund-1"
	b := open(t, browser, r.origin)
	b.visit("/refunds/" + id)
	b.login("ann", "ann-pass")
	b.click(`details:has(form[action$="/resolve"]) > summary`)
	if b.has(`input[name="by"]`) {
		t.Error("who is logged in is asked for a name")
	}
	b.click(`input[value="succeeded"]`)
	b.fill(`form[action$="/resolve"] textarea`, "in maib's portal as 4711")
	b.follow(`form[action$="/resolve"] button`)
	b.says("The review is decided", "ann", "in maib's portal as 4711")
	b.inspect() // with who is logged in in its head
	if last := r.last(r.becomes(id, refund.Succeeded)); last.By != "ann" || last.Note != "in maib's portal as 4711" {
		t.Errorf("the history ends with %+v", last)
	}
}

func TestWhoMayNotLookOnSeesWhy(t *testing.T) {
	browser := browse(t)
	r := newRig(t, withLogin)
	b := open(t, browser, r.origin)
	b.visit("/")
	if status := b.login("eve", "eve-pass"); status != 403 {
		t.Errorf("HTTP %d", status)
	}
	b.refused(403)
	b.says("eve", "web.viewers")
	b.inspect()
	b.follow(`form[action="/logout"] button`)
	b.says("You are logged out.")
	b.inspect()
}

func TestOnlyThePagesNeedALogin(t *testing.T) {
	r := newRig(t, withLogin)
	client := http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(path string) int {
		answer, err := client.Get(r.origin + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	redistest.Eventually(t, "the worker is ready", func() bool { return ask("/readyz") == 200 })
	for path, status := range map[string]int{
		"/healthz": 200, "/metrics": 200, "/callbacks/maib/none/none": 404, "/assets/style.css": 200, "/login": 200,
		"/": 303, "/review": 303, "/refunds": 303, "/refunds/x": 303, "/search?q=x": 303, "/asynqmon/": 303, "/asynqmon/api/queues": 303,
		"/favicon.ico": 404, "/elsewhere": 404,
	} {
		if got := ask(path); got != status {
			t.Errorf("%s: HTTP %d, want %d", path, got, status)
		}
	}
}
