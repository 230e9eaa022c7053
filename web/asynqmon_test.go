package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestAsynqmonShowsTheQueuesAndIsReadOnly(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	r.shows("/asynqmon/api/queues", `"queue":"unitpay"`)
	r.shows("/asynqmon/queues/unitpay", "Asynq - Monitoring") // a page of its script's own
	for _, path := range []string{"/asynqmon/api/queues/unitpay:pause", "/asynqmon/api/queues/unitpay/pending_tasks/id:archive"} {
		if got := r.serve(httptest.NewRequest(http.MethodPost, path, nil)); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", path, got.status)
		}
	}
}

func TestAsynqmonsButtonsWorkWhereTheConfigurationSaysSo(t *testing.T) {
	r := open(t, "web: {asynqmon: read_write}")
	r.take(asks("id", payment))
	if got := r.serve(httptest.NewRequest(http.MethodPost, "/asynqmon/api/queues/unitpay:pause", nil)); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestAsynqmonCanBeTurnedOff(t *testing.T) {
	r := open(t, "web: {asynqmon: \"off\"}")
	if got := r.page("/asynqmon/"); got.status != http.StatusNotFound {
		t.Errorf("status %d", got.status)
	}
	if strings.Contains(r.shows("/"), "/asynqmon/") {
		t.Error("the pages link to it")
	}
}

// Its policy lets through the scripts that its page has, by what they are, and
// nothing of another host.
func TestAsynqmonsPolicyIsNoWiderThanItsPage(t *testing.T) {
	r := open(t)
	got := r.page("/asynqmon/")
	policy := got.header.Get("Content-Security-Policy")
	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(got.body, -1)
	if len(scripts) == 0 {
		t.Fatal("the page has no script of its own any more: the policy needs a look")
	}
	for _, s := range scripts {
		sum := sha256.Sum256([]byte(s[1]))
		if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("a script of the page is not let through: %s", policy)
		}
	}
	if script, _, _ := strings.Cut(policy[strings.Index(policy, "script-src"):], ";"); strings.Contains(script, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("%s", policy)
	}
}
