package browsertest_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser of its own kind: its cookies are nobody else's. It
// collects what a person would never see and should never be there: errors on
// the console, what the policy blocked, requests to other hosts.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string // of the worker, http://host:port

	mu      sync.Mutex
	faults  []string
	foreign map[network.RequestID]string // requests to other hosts, by their address
	asked   int                          // requests
}

func open(t *testing.T, browser context.Context, origin string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, origin: origin, foreign: map[network.RequestID]string{}}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.clean)
	return b
}

// hear takes note of an event of the browser.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.faults = append(b.faults, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.faults = append(b.faults, fmt.Sprintf("console: %v", e.Args))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *network.EventRequestWillBeSent:
		b.asked++
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme+"://"+u.Host != b.origin {
			b.foreign[e.RequestID] = e.Request.URL
		}
	case *network.EventLoadingFailed:
		if e.BlockedReason == network.BlockedReasonCsp {
			delete(b.foreign, e.RequestID) // it never left; the log has it
		}
	}
}

// refused takes the error of the console away that must be there: the browser
// reports each answer of 400 and more.
func (b *tab) refused(status int) {
	b.t.Helper()
	b.forgive(fmt.Sprintf("the server responded with a status of %d ", status))
}

// forgive takes the faults away that hold a text; there must be some.
func (b *tab) forgive(text string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := len(b.faults)
	b.faults = slices.DeleteFunc(b.faults, func(f string) bool { return strings.Contains(f, text) })
	if len(b.faults) == all {
		b.t.Errorf("the browser does not report %q, but %q", text, b.faults)
	}
}

// clean fails the test if there is a fault.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Errorf("the browser reports %s", f)
	}
	for _, address := range b.foreign {
		b.t.Errorf("a request to another host: %s", address)
	}
	if b.asked == 0 {
		b.t.Error("the browser asked for nothing")
	}
}

// do runs actions, which must come to an end.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v, on a page that says\n%s", what, err, b.said())
	}
}

// load runs actions after which another page is there, and returns its status.
func (b *tab) load(what string, steps ...chromedp.Action[chromedp.Void]) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		b.t.Fatalf("%s: %v, on a page that says\n%s", what, err, b.said())
	}
	return int(answer.Status)
}

// visit opens a page by its path.
func (b *tab) visit(path string) int {
	b.t.Helper()
	return b.load("open "+path, chromedp.Navigate(b.origin+path))
}

// follow clicks on what leads to another page.
func (b *tab) follow(selector string) int {
	b.t.Helper()
	return b.load("click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do("click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// fill types into a field, in place of what it holds.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	eval[string](b, fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	b.do("fill "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// path is where the tab is.
func (b *tab) path() string {
	b.t.Helper()
	at := eval[string](b, `location.pathname`)
	return at
}

// said is all that the page shows.
func (b *tab) said() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return "(nothing: " + err.Error() + ")"
	}
	return text
}

// says fails the test unless the page shows the texts.
func (b *tab) says(texts ...string) {
	b.t.Helper()
	page := b.said()
	for _, text := range texts {
		if !strings.Contains(strings.ToLower(page), strings.ToLower(text)) {
			b.t.Errorf("%s does not say %q, but\n%s", b.path(), text, page)
		}
	}
}

// has reports whether something on the page matches the selector.
func (b *tab) has(selector string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
}

// eval runs an expression in the page, as the developer tools do: it also runs
// where the page's own scripts may not.
func eval[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("evaluate %.60s: %v", expression, err)
	}
	return value
}

// wait waits until an expression is true.
func (b *tab) wait(what, expression string) {
	b.t.Helper()
	b.do("wait for "+what, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Poll[bool](expression)(ctx, t)
		return chromedp.Void{}, err
	})
}

// look is how a page is looked at.
type look struct {
	name          string
	dark          bool
	width, height int64
	phone         bool
}

var looks = []look{
	{name: "light", width: 1280, height: 900},
	{name: "dark", dark: true, width: 1280, height: 900},
	{name: "phone, light", width: 360, height: 740, phone: true},
	{name: "phone, dark", dark: true, width: 360, height: 740, phone: true},
}

// see changes the size of the window and the colors that the person prefers.
func (b *tab) see(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	viewport := chromedp.EmulateViewport(l.width, l.height)
	if l.phone {
		viewport = chromedp.EmulateViewport(l.width, l.height, chromedp.EmulateMobile)
	}
	b.do("look "+l.name, viewport, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// scriptless turns the page's scripts off.
func (b *tab) scriptless() {
	b.t.Helper()
	b.do("turn scripts off", call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}
