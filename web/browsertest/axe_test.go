package browsertest_test

import (
	_ "embed" // axe-core
	"strings"

	"github.com/chromedp/chromedp"
)

// axe-core finds faults of accessibility; see testdata/axe-core/README.md.
//
//go:embed testdata/axe-core/axe.min.js
var axe string

const axeVersion = "4.14.1"

// findings are what axe-core says of a page.
type findings struct {
	Version    string
	Passes     int
	Violations []struct {
		ID, Impact, Help string
		Nodes            []string
	}
}

const runAxe = `axe.run(document, {resultTypes: ["violations"]}).then(r => ({
	Version: r.testEngine.version, Passes: r.passes.length,
	Violations: r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary)}))}))`

// accessible fails the test if the page has a fault that keeps people from
// using it. Lesser ones are logged.
func (b *tab) accessible(when string) {
	b.t.Helper()
	eval[chromedp.Void](b, axe)
	found := eval[findings](b, runAxe, chromedp.EvalAwaitPromise)
	if found.Version != axeVersion || found.Passes == 0 {
		b.t.Errorf("%s, %s: axe-core %s passed %d rules: it did not look", b.path(), when, found.Version, found.Passes)
	}
	for _, v := range found.Violations {
		tell := b.t.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			tell = b.t.Errorf
		}
		tell("%s, %s: %s (%s): %s\n%s", b.path(), when, v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n"))
	}
}

// fits fails the test if the page has to be scrolled sideways.
func (b *tab) fits(when string) {
	b.t.Helper()
	if wide := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		b.t.Errorf("%s, %s: %d pixels wider than the window: %s", b.path(), when, wide,
			eval[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth).map(e => e.outerHTML.slice(0, 100)).slice(0, 5).join("\n")`))
	}
}

// inspect looks at the page in every way.
func (b *tab) inspect() {
	b.t.Helper()
	for _, l := range looks {
		b.see(l)
		b.accessible(l.name)
		b.fits(l.name)
	}
	b.see(looks[0])
}
