package access_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAnOperatorActsAndAViewerLooksOn(t *testing.T) {
	s := newSite(t)
	if w := s.as("ann").act(); w.Code != 200 || w.Body.String() != "POST ann operator" {
		t.Errorf("ann: %d %q", w.Code, w.Body)
	}
	bob := s.as("bob")
	if w := bob.get("/"); w.Body.String() != "GET bob viewer" {
		t.Errorf("bob: %d %q", w.Code, w.Body)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post"} {
		w := bob.do(method, "/refunds/x/cancel", url.Values{"csrf": {bob.get("/").Header().Get("X-Token")}})
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "web.operators") {
			t.Errorf("bob's %s: %d %q", method, w.Code, w.Body)
		}
	}
	s.wantLogged("page refused", map[string]any{"person": "bob", "why": "the person may only look on", "path": "/refunds/x/cancel", "method": "POST"})
}

func TestWhoMayNotEvenLookOnIsToldSo(t *testing.T) {
	s := newSite(t)
	eve := s.as("eve")
	w := eve.get("/")
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "<strong>eve</strong>") || !strings.Contains(w.Body.String(), "web.viewers") {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	s.wantLogged("page refused", map[string]any{"person": "eve", "why": "the person may not look on"})
	if w := eve.post("/logout", url.Values{"csrf": {hidden.FindStringSubmatch(w.Body.String())[1]}}); w.Code != http.StatusSeeOther {
		t.Errorf("eve can't log out: %d %s", w.Code, w.Body)
	}
}

func TestAnActionMustComeFromAFormOfThisPersonsPage(t *testing.T) {
	s := newSite(t)
	s.web.Operators = []string{"ann", "bob"}
	s.handler = s.pod(s.client())
	ann := s.as("ann")
	right := ann.get("/").Header().Get("X-Token")
	for name, c := range map[string]struct {
		form    url.Values
		headers map[string]string
		status  int
	}{
		"a form of ours":               {url.Values{"csrf": {right}}, nil, 200},
		"and its browser says so":      {url.Values{"csrf": {right}}, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "https://refunds.example"}, 200},
		"without a token":              {url.Values{"note": {"x"}}, nil, 403},
		"with an empty token":          {url.Values{"csrf": {""}}, nil, 403},
		"with a cut token":             {url.Values{"csrf": {right[:42]}}, nil, 403},
		"with another person's":        {url.Values{"csrf": {s.as("bob").get("/").Header().Get("X-Token")}}, nil, 403},
		"with that of another session": {url.Values{"csrf": {s.as("ann").get("/").Header().Get("X-Token")}}, nil, 403},
		"with the login form's":        {url.Values{"csrf": {token(s.browser())}}, nil, 403},
		"from another site":            {url.Values{"csrf": {right}}, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"from a sibling domain":        {url.Values{"csrf": {right}}, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"from another origin":          {url.Values{"csrf": {right}}, map[string]string{"Origin": "https://evil.example"}, 403},
		"from nowhere":                 {url.Values{"csrf": {right}}, map[string]string{"Origin": "null"}, 403},
		"too large":                    {url.Values{"csrf": {right}, "note": {strings.Repeat("x", 65<<10)}}, nil, 413},
	} {
		ann.headers = c.headers
		if w := ann.post("/refunds/x/cancel", c.form); w.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.status)
		}
	}
	ann.headers = nil
	if w := ann.post("/refunds/x/cancel?csrf="+right, url.Values{}); w.Code != 403 {
		t.Errorf("a token in the address is taken: %d", w.Code)
	}
	s.wantLogged("page refused", map[string]any{"person": "ann", "why": "the form's token is missing or wrong"})
	s.wantLogged("page refused", map[string]any{"person": "ann", "why": "it comes from another site's page"})
}

func TestAsynqmonsScriptActsForOperatorsOfThisPageOnly(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann"), s.as("bob")
	const target = "/asynqmon/api/queues/unitpay:pause"
	for name, c := range map[string]struct {
		b      *browser
		site   string
		path   string
		status int
	}{
		"an operator on the page":        {ann, "same-origin", target, 200},
		"a viewer on the page":           {bob, "same-origin", target, 403},
		"from another site":              {ann, "cross-site", target, 403},
		"from who knows where":           {ann, "", target, 403},
		"the same elsewhere than there":  {ann, "same-origin", "/refunds/x/cancel", 403},
		"a path that only begins so":     {ann, "same-origin", "/asynqmonx", 403},
		"typed into the address bar":     {ann, "none", target, 403},
		"asynqmon without anybody there": {s.browser(), "same-origin", target, 401},
	} {
		c.b.headers = map[string]string{}
		if c.site != "" {
			c.b.headers["Sec-Fetch-Site"] = c.site
		}
		if w := c.b.post(c.path, nil); w.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.status)
		}
	}
	s.wantLogged("action in asynqmon", map[string]any{"person": "ann", "path": target})
}

func TestWhatAsynqmonRefusedIsNotLoggedAsAnAction(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann")
	ann.headers = map[string]string{"Sec-Fetch-Site": "same-origin"}
	for status, lines := range map[int]int{http.StatusNoContent: 1, http.StatusMethodNotAllowed: 0, http.StatusInternalServerError: 0} {
		s.status = status
		ann.handler = s.pod(s.client())
		s.log.TakeAll()
		if w := ann.post("/asynqmon/api/queues/unitpay:pause", nil); w.Code != status {
			t.Errorf("got %d, want %d", w.Code, status)
		}
		if got := s.log.FilterMessage("action in asynqmon").Len(); got != lines {
			t.Errorf("%d: %d lines, want %d", status, got, lines)
		}
	}
	s.status = http.StatusAccepted
	ann.handler = s.pod(s.client())
	ann.post("/asynqmon/api/queues/unitpay:pause", nil)
	s.wantLogged("action in asynqmon", map[string]any{"person": "ann", "status": int64(http.StatusAccepted)})
}
