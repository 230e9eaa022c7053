package main

import (
	"strings"
	"testing"

	"refundworker/internal/cli"
	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestApprove(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		status int
		want   map[string]any
	}{
		"another person approves":             {"approve big --by olga --note seen", cli.OK, map[string]any{"state": "queued", "approved_by": "olga", "requested_by": "Ivan@shop", "reason_code": ""}},
		"who sits at the terminal approves":   {"approve big --note seen", cli.OK, map[string]any{"state": "queued"}},
		"the one who asked does not":          {"approve big --by ivan --note seen", cli.Invalid, map[string]any{"status": "invalid", "rule": "by", "state": "review"}},
		"nor at another machine":              {"approve big --by IVAN@office --note seen", cli.Invalid, map[string]any{"rule": "by"}},
		"nor does nobody":                     {"approve big --by= --note seen", cli.Invalid, map[string]any{"rule": "by"}},
		"nor anybody without a note":          {"approve big --by olga", cli.Invalid, map[string]any{"rule": "note"}},
		"one that nobody asked for, anybody":  {"approve lost --by ivan --note seen", cli.OK, map[string]any{"state": "queued", "approved_by": "ivan"}},
		"another review is not approved":      {"approve b --by olga --note seen", cli.Failed, map[string]any{"status": "not_possible", "state": "review"}},
		"nor is one that is queued":           {"approve a --by olga --note seen", cli.Failed, map[string]any{"status": "not_possible", "state": "queued"}},
		"not to approve is to decline":        {"resolve big --outcome declined --by ivan --note no", cli.OK, map[string]any{"state": "declined", "amount_moved": "0.00"}},
		"what was not sent has not succeeded": {"resolve big --outcome succeeded --by olga --note seen", cli.Invalid, map[string]any{"rule": "outcome", "state": "review"}},
		"to retry it is no approval":          {"retry big --by olga --note again --accept-risk", cli.Failed, map[string]any{"status": "not_possible", "state": "review"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s := bench(t)
			for id, options := range map[string][]tasks.Option{"big": {tasks.By(" Ivan@shop ")}, "lost": nil} {
				if got, err := tasks.NewEnqueuer(s.Backend, s.Config).Enqueue(t.Context(), request(id, "7"+map[string]string{"big": "1", "lost": "2"}[id], "9000.00"), options...); err != nil || got.Status != tasks.Queued {
					t.Fatal(got, err)
				}
				bring(t, s, id, refund.Review, map[string]string{"reason_code": journal.NeedsApproval})
			}
			r := b.Run(append(strings.Fields(c.line), "-o", "json")...)
			got := r.Object(t)
			if r.Status != c.status {
				t.Errorf("exit status %d, want %d: %+v", r.Status, c.status, r)
			}
			for k, want := range c.want {
				if got[k] != want {
					t.Errorf("%s is %v, want %v", k, got[k], want)
				}
			}
		})
	}
}

func TestAnApprovedRefundIsApprovedOnce(t *testing.T) {
	b, s := bench(t)
	bring(t, s, "a", refund.Review, map[string]string{"reason_code": journal.NeedsApproval})
	if r := b.Run("approve", "a", "--by", "olga", "--note", "seen"); r.Status != cli.OK || !strings.Contains(r.Stdout, "refund a is queued: it is approved") {
		t.Errorf("%+v", r)
	}
	if r := b.Run("approve", "a", "--by", "vera", "--note", "seen too"); r.Status != cli.Failed || !strings.Contains(r.Stderr, "olga has approved it already") {
		t.Errorf("%+v", r)
	}
	if r := b.Run("list", "--state", "queued", "-o", "csv"); !strings.Contains(r.Stdout, ",requested_by,approved_by\n") || !strings.Contains(r.Stdout, ",olga\n") {
		t.Errorf("%+v", r)
	}
	if r := b.Run("show", "a"); !strings.Contains(r.Stdout, "approved by") {
		t.Errorf("%+v", r)
	}
	history := b.Run("show", "a", "-o", "json").Object(t)["history"].([]any)
	if last := history[len(history)-1].(map[string]any); last["by"] != "olga" || last["note"] != "approved: seen" || last["to"] != "queued" {
		t.Errorf("%v", last)
	}
}
