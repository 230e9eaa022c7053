package main

import (
	"strings"
	"testing"

	"refundworker/internal/cli"
	"refundworker/refund"
)

func TestErase(t *testing.T) {
	b, s := bench(t)
	bring(t, s, "a", refund.Declined, nil)
	for name, c := range map[string]struct {
		line   string
		status int
		said   string
	}{
		"a name is needed":        {"erase a --by= --note request-17", cli.Invalid, "by: is required"},
		"a note is needed":        {"erase a --by olga", cli.Invalid, "note: is required"},
		"an open one still needs": {"erase b --by olga --note request-17", cli.Failed, "refund b is review and still needs what it was asked with"},
	} {
		if r := b.Run(strings.Fields(c.line)...); r.Status != c.status || !strings.Contains(r.Stderr, c.said) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for range 2 { // again is no harm
		if r := b.Run("erase", "a", "--by", "olga", "--note", "request 17"); r.Status != cli.OK || r.Stdout != "refund a is declined: personal data is erased\n" {
			t.Errorf("%+v", r)
		}
	}
	got := b.Run("show", "a", "-o", "json").Object(t)
	history := got["history"].([]any)
	if last := history[len(history)-1].(map[string]any); got["erased_at"] == nil || got["reason"] != nil || got["metadata"] != nil || last["note"] != "personal data erased: request 17" {
		t.Errorf("%v", got)
	}
	if r := b.Run("show", "a"); !strings.Contains(r.Stdout, "erased") {
		t.Errorf("%s", r.Stdout)
	}
}
