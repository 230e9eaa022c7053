package worker_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// field is the value of a hidden field on a page.
func field(t *testing.T, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no field %s on the page:\n%s", name, page)
	}
	return html.UnescapeString(m[1])
}

// body reads an answer.
func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A person decides on the pages of a real worker, without a shell.
func TestAReviewIsDecidedOnThePages(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Sberbank}, top: map[string]string{"listen": "127.0.0.1:0"}})
	w := r.start()
	payment := r.pay(sandbox.Payment{Company: sandbox.Sberbank, Minor: 900_00, PointsMinor: 300_00})
	r.companies.Fail(sandbox.Sberbank, payment, sandbox.Fault{Kind: sandbox.PartialOutcome})
	id := r.enqueue(request(sandbox.Sberbank, payment, "450.00"))
	r.waitFor(id, refund.Review)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	get := func(path string) string {
		t.Helper()
		resp, err := browser.Get("http://" + w.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		return body(t, resp)
	}
	page := get("/review")
	if !strings.Contains(page, id) || !strings.Contains(page, "One part of the refund moved") {
		t.Fatalf("the review list does not show it:\n%s", page)
	}
	form := url.Values{"csrf": {field(t, page, "csrf")}, "seq": {field(t, page, "seq")}, "back": {"review"}, "by": {"anna"},
		"note": {"seen in the portal"}, "outcome": {"succeeded"}, "moved": {"300.00"}}
	forged := url.Values{"seq": form["seq"], "by": {"anna"}, "note": {"x"}, "outcome": {"declined"}}
	resp, err := browser.PostForm("http://"+w.Addr()+"/refunds/"+id+"/resolve", forged)
	if err != nil {
		t.Fatal(err)
	}
	if body(t, resp); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without the page's token: status %d", resp.StatusCode)
	}
	if rec := r.get(id); rec.State != refund.Review {
		t.Fatalf("%s", r.story(rec))
	}
	resp, err = browser.PostForm("http://"+w.Addr()+"/refunds/"+id+"/resolve", form)
	if err != nil {
		t.Fatal(err)
	}
	if page := body(t, resp); resp.StatusCode != http.StatusOK || !strings.Contains(page, "The review is decided:") {
		t.Errorf("status %d:\n%s", resp.StatusCode, page)
	}
	rec := r.get(id)
	if said := r.said(rec, "anna"); rec.State != refund.Succeeded || *rec.Moved != 300_00 || len(said) != 1 || said[0].Note != "seen in the portal" {
		t.Errorf("%s", r.story(rec))
	}
	if info := r.task(sandbox.Sberbank, id); info != nil && info.State.String() == "archived" {
		t.Error("its task is still archived")
	}
	r.until("the overview counts what was done", func() bool {
		page := get("/")
		return strings.Contains(page, "1 to review") && strings.Contains(page, `<span class="key succeeded">0 succeeded`)
	})
}
