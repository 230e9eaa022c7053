package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"refundworker/journal"
	"refundworker/pause"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestEveryActionStandsInTheHistoryUnderThePersonsName(t *testing.T) {
	for name, c := range map[string]struct {
		bring  func(r *rig)
		action string
		fields []string
		state  refund.State
		note   string
		says   string
		check  func(t *testing.T, rec *journal.Record)
	}{
		"resolve as succeeded": {nil, "resolve", []string{"outcome", "succeeded"}, refund.Succeeded, "seen in the portal", "The review is decided:",
			func(t *testing.T, rec *journal.Record) {
				if rec.Moved == nil || *rec.Moved != 100_00 {
					t.Errorf("moved %v", rec.Moved)
				}
			}},
		"resolve as succeeded with another amount": {nil, "resolve", []string{"outcome", "succeeded", "moved", "12.50"}, refund.Succeeded, "seen in the portal", "The review is decided:",
			func(t *testing.T, rec *journal.Record) {
				if rec.Moved == nil || *rec.Moved != 12_50 {
					t.Errorf("moved %v", rec.Moved)
				}
			}},
		"resolve as declined": {nil, "resolve", []string{"outcome", "declined"}, refund.Declined, "seen in the portal", "The review is decided:", nil},
		"ask again": {nil, "retry", nil, refund.Review, "retry asked: seen in the portal", "A worker looks into it",
			func(t *testing.T, rec *journal.Record) {
				if rec.Request == nil || rec.Request.AcceptRisk || rec.Request.By != "ann" {
					t.Errorf("request %+v", rec.Request)
				}
			}},
		"ask again at one's own risk": {nil, "retry", []string{"accept_risk", "yes"}, refund.Review, "retry asked at their own risk: seen in the portal", "A worker looks into it",
			func(t *testing.T, rec *journal.Record) {
				if rec.Request == nil || !rec.Request.AcceptRisk {
					t.Errorf("request %+v", rec.Request)
				}
			}},
		"cancel": {func(r *rig) { r.take(asks("id", "1")) }, "cancel", nil, refund.Canceled, "seen in the portal", "Canceled:", nil},
		"approve": {func(r *rig) {
			r.take(asks("id", "1"))
			r.step("id", r.get("id").AskApproval("worker one", "100.00 is more than 50.00"))
		}, "approve", nil, refund.Queued, "approved: seen in the portal", "Approved", func(t *testing.T, rec *journal.Record) {
			if rec.ApprovedBy != "ann" {
				t.Errorf("approved by %q", rec.ApprovedBy)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			if c.bring == nil {
				c.bring = func(r *rig) { r.reviewed("id", "1") }
			}
			c.bring(r)
			r.shows("/refunds/id", `action="/refunds/id/`+c.action+`"`, `value="the-token"`)
			got := r.post("/refunds/id/"+c.action, r.form("id", c.fields...))
			if got.status != http.StatusSeeOther || got.location != "/refunds/id?done="+c.action+"&id=id" {
				t.Fatalf("status %d to %q\n%s", got.status, got.location, got.body)
			}
			rec := r.get("id")
			if h := r.last("id"); rec.State != c.state || h.By != "ann" || h.Note != c.note || h.To != c.state {
				t.Errorf("state %s, history %+v", rec.State, h)
			}
			if c.check != nil {
				c.check(t, rec)
			}
			r.shows(got.location, c.says, `role="status"`, `<a class="id" href="/refunds/id">id</a></p>`)
		})
	}
}

func TestADecisionFromTheReviewListGoesBackThere(t *testing.T) {
	r := open(t)
	r.reviewed("id", "1")
	r.shows("/review", `name="back" value="review"`)
	got := r.post("/refunds/id/resolve", r.form("id", "outcome", "declined", "back", "review"))
	if got.location != "/review?done=resolve&id=id" {
		t.Errorf("to %q", got.location)
	}
	r.shows(got.location, "The review is decided:", "Nothing waits for a person.")
}

func TestALoginsNameCountsAndNotTheForms(t *testing.T) {
	r := open(t)
	r.gate.name = "bob"
	r.reviewed("id", "1")
	if body := r.shows("/refunds/id", ">bob<", `action="/logout"`); strings.Contains(body, `name="by"`) {
		t.Error("the form asks who it is")
	}
	if got := r.post("/refunds/id/resolve", r.form("id", "outcome", "declined", "by", "somebody else")); got.status != http.StatusSeeOther {
		t.Fatalf("status %d", got.status)
	}
	if h := r.last("id"); h.By != "bob" {
		t.Errorf("%+v", h)
	}
}

func TestOnlyWhoLoggedInHereIsOfferedToLogOut(t *testing.T) {
	r := open(t)
	r.gate.name = "bob"
	r.shows("/", ">bob<", ">Log out<")
	r.gate.proxied = true
	if body := r.shows("/", ">bob<"); strings.Contains(body, "Log out") || strings.Contains(body, "/logout") {
		t.Error("who was logged in by a proxy is offered to log out")
	}
}

func TestWhatIsNoAssetIsPlainlyNotFound(t *testing.T) {
	r := open(t)
	for _, path := range []string{"/assets/", "/assets/foo", "/assets/foo/bar"} {
		if got := r.page(path); got.status != http.StatusNotFound || strings.Contains(got.body, "<") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestWhatIsWrongWithAFormIsSaidAndNothingDone(t *testing.T) {
	for name, c := range map[string]struct {
		action string
		fields []string
		says   []string
	}{
		"no note":               {"resolve", []string{"outcome", "declined", "note", " \n"}, []string{"note: is required", "open><summary>Resolve", `required aria-invalid="true" aria-describedby="fault-resolve-note-id"`, `id="fault-resolve-note-id"`}},
		"no name":               {"resolve", []string{"outcome", "declined", "by", ""}, []string{"by: is required", ">seen in the portal</textarea>"}},
		"a name that is long":   {"resolve", []string{"outcome", "declined", "by", strings.Repeat("я", 101)}, []string{"by: must have at most 100 characters"}},
		"a note that is long":   {"retry", []string{"note", strings.Repeat("x", 1001)}, []string{"note: must have at most 1000 characters", "open><summary>Ask again"}},
		"a bell in the note":    {"retry", []string{"note", "ring\a"}, []string{"note: must be text without control characters"}},
		"no text at all":        {"retry", []string{"note", "\xff"}, []string{"note: must be text without control characters"}},
		"no outcome":            {"resolve", nil, []string{"outcome: must be succeeded or declined"}},
		"an outcome of its own": {"resolve", []string{"outcome", "queued"}, []string{"outcome: must be succeeded or declined"}},
		"more than was asked":   {"resolve", []string{"outcome", "succeeded", "moved", "100.01"}, []string{"moved: is more than", `value="100.01"`, `value="succeeded" required checked`}},
		"no amount":             {"resolve", []string{"outcome", "succeeded", "moved", "1e2"}, []string{"moved: ", "is not a plain decimal number"}},
		"declined and moved":    {"resolve", []string{"outcome", "declined", "moved", "5.00"}, []string{"moved: must be 0"}},
		"no place":              {"retry", []string{"seq", ""}, []string{"seq: is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			before := r.reviewed("id", "1")
			got := r.post("/refunds/id/"+c.action, r.form("id", c.fields...))
			if got.status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", got.status)
			}
			says(t, "the page", got.body, append(c.says, `role="alert"`, "Nothing was done", "<title>Not done")...)
			if rec := r.get("id"); rec.Version != before.Version {
				t.Errorf("it was changed: %+v", rec)
			}
		})
	}
}

func TestAPartialOutcomeNeedsTheAmount(t *testing.T) {
	r := open(t)
	r.take(asks("id", "1"))
	r.sends("id")
	r.ends("id", refund.Review, "one part", map[string]string{"reason_code": "partial", "partial": "1", "moved": "588"})
	body := r.shows("/refunds/id", "One part of the refund moved", "5.88 RUB")
	if strings.Contains(body, "/refunds/id/retry") {
		t.Error("a partial refund can be asked again")
	}
	got := r.post("/refunds/id/resolve", r.form("id", "outcome", "succeeded"))
	says(t, "the page", got.body, "moved: is required after a partial outcome")
	if got = r.post("/refunds/id/resolve", r.form("id", "outcome", "succeeded", "moved", "5.88")); got.status != http.StatusSeeOther {
		t.Errorf("status %d", got.status)
	}
}

func TestALostRaceIsToldPlainly(t *testing.T) {
	for name, c := range map[string]struct {
		action   string
		meantime func(r *rig)
		says     string
	}{
		"resolved by another": {"resolve", func(r *rig) {
			if _, err := tasks.NewOperator(r.backend, r.cfg).Resolve(t.Context(), "id", tasks.Resolution{Outcome: refund.Succeeded, Note: "paid", By: "bob"}); err != nil {
				r.t.Fatal(err)
			}
		}, "refund id has changed since you looked, it is succeeded now"},
		// The same state, but by other evidence.
		"in review again": {"resolve", func(r *rig) {
			r.step("id", journal.Step{By: "worker one", Note: "late: attempt 1: succeeded", Set: map[string]string{"known": "1"}})
		}, "has changed since you looked, it is review now"},
		"another asked again": {"retry", func(r *rig) {
			if _, err := tasks.NewOperator(r.backend, r.cfg).Retry(t.Context(), "id", journal.RetryRequest{By: "bob", Note: "again"}); err != nil {
				r.t.Fatal(err)
			}
		}, "has changed since you looked"},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			r.reviewed("id", "1")
			form := r.form("id", "outcome", "declined")
			c.meantime(r)
			before := r.get("id")
			got := r.post("/refunds/id/"+c.action, form)
			if got.status != http.StatusConflict {
				t.Errorf("status %d", got.status)
			}
			says(t, "the page", got.body, "Nothing was done: ", c.says)
			if rec := r.get("id"); rec.Version != before.Version {
				t.Errorf("it was changed: %+v", rec)
			}
		})
	}
}

func TestAnActionThatTheStateDoesNotAllowIsRefused(t *testing.T) {
	r := open(t)
	r.take(asks("id", "1"))
	r.sends("id")
	for _, action := range []string{"resolve", "retry", "cancel", "approve"} {
		got := r.post("/refunds/id/"+action, r.form("id", "outcome", "declined"))
		if got.status != http.StatusConflict {
			t.Errorf("%s: status %d", action, got.status)
		}
		says(t, action, got.body, "Nothing was done: refund id is sending")
	}
	if body := r.shows("/refunds/id"); strings.Contains(body, "<form method=\"post\" action=\"/refunds/") {
		t.Error("a form is offered")
	}
}

func TestWhoeverAskedCantApprove(t *testing.T) {
	r := open(t)
	r.take(asks("id", "1"))
	r.step("id", r.get("id").AskApproval("worker one", "100.00 is more than 50.00"))
	body := r.shows("/review", "needs_approval", "100.00 is more than 50.00", "/refunds/id/approve", "Asked for by")
	if strings.Contains(body, "/refunds/id/retry") || strings.Contains(body, `value="succeeded"`) {
		t.Error("what was never sent can be asked again, or have succeeded")
	}
	got := r.post("/refunds/id/approve", r.form("id", "by", "CLERK"))
	if got.status != http.StatusUnprocessableEntity {
		t.Errorf("status %d", got.status)
	}
	says(t, "the page", got.body, "by: must be another person than clerk")
}

func TestWhoMayOnlyLookGetsNoFormAndChangesNothing(t *testing.T) {
	r := open(t)
	r.gate.name, r.gate.may = "eve", false
	before := r.reviewed("id", "1")
	for _, path := range []string{"/", "/review", "/refunds/id"} {
		if body := r.shows(path); strings.Contains(body, `action="/refunds/id/`) || strings.Contains(body, `action="/providers/`) {
			t.Errorf("%s offers a form", path)
		}
	}
	for _, path := range []string{"/refunds/id/resolve", "/refunds/id/retry", "/providers/unitpay/pause"} {
		if got := r.post(path, r.form("id", "outcome", "declined")); got.status != http.StatusForbidden {
			t.Errorf("%s: status %d", path, got.status)
		}
	}
	if rec := r.get("id"); rec.Version != before.Version {
		t.Error("it was changed")
	}
}

func TestUnknownActionsAndRefundsAreNotFound(t *testing.T) {
	r := open(t)
	r.reviewed("id", "1")
	for path, status := range map[string]int{
		"/refunds/id/destroy":      http.StatusNotFound,
		"/refunds/nobody/resolve":  http.StatusNotFound,
		"/refunds/a%20b/resolve":   http.StatusNotFound,
		"/providers/unitpay/burn":  http.StatusNotFound,
		"/providers/nobody/pause":  http.StatusUnprocessableEntity,
		"/providers/nobody/resume": http.StatusUnprocessableEntity,
		"/review":                  http.StatusNotFound,
	} {
		if got := r.post(path, r.form("id", "outcome", "declined")); got.status != status {
			t.Errorf("%s: status %d, want %d", path, got.status, status)
		}
	}
}

func TestAFormOfAnySizeIsNotRead(t *testing.T) {
	r := open(t)
	r.reviewed("id", "1")
	if got := r.post("/refunds/id/resolve", r.form("id", "outcome", "declined", "more", strings.Repeat("x", 65<<10))); got.status != http.StatusBadRequest {
		t.Errorf("status %d", got.status)
	}
}

func TestAProviderIsPausedAndResumed(t *testing.T) {
	r := open(t)
	status := func() pause.Status {
		s, err := tasks.NewOperator(r.backend, r.cfg).Paused(t.Context(), "unitpay")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	r.shows("/", `action="/providers/unitpay/pause"`)
	form := url.Values{"by": {"ann"}, "note": {"the bank has a bad day"}}
	got := r.post("/providers/unitpay/pause", form)
	if got.status != http.StatusSeeOther || status().Reason != pause.ReasonOperator || status().By != "ann" || status().Detail != "the bank has a bad day" {
		t.Fatalf("status %d, %+v", got.status, status())
	}
	r.shows(got.location, "Nothing goes out any more to", "paused: operator", "by <strong>ann</strong>: the bank has a bad day", "until somebody resumes it", `action="/providers/unitpay/resume"`)
	r.take(asks("id", "1"))
	r.shows("/refunds/id", "unitpay is paused (operator: the bank has a bad day), until somebody resumes it")
	if got = r.post("/providers/unitpay/resume", url.Values{"by": {"bob"}}); got.status != http.StatusSeeOther || status().Reason != "" {
		t.Fatalf("status %d, %+v", got.status, status())
	}
	r.shows(got.location, "Calls go out again", "Resumed by <strong>bob</strong>")
	for _, bad := range []url.Values{{"by": {"ann"}}, {"note": {"why"}}} {
		if got = r.post("/providers/unitpay/pause", bad); got.status != http.StatusUnprocessableEntity || status().Reason != "" {
			t.Errorf("%v: status %d, %+v", bad, got.status, status())
		}
	}
}

// What a page says was done is ours; a link of somebody else can't make it say
// anything.
func TestALinkCantMakeAPageSayThings(t *testing.T) {
	r := open(t)
	for _, path := range []string{"/?done=hello&id=x", "/?done=pause&id=<script>", "/?done=&id=x", "/?done=pause"} {
		if body := r.shows(path); strings.Contains(body, `role="status"`) {
			t.Errorf("%s says something", path)
		}
	}
}
