package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/refund"
)

func TestNothingIsWiderThanTheTerminal(t *testing.T) {
	b, s := bench(t)
	long := request("0192f0c1-2345-7abc-8def-0123456789ab", "123451234512345", "100.00")
	enqueue(t, s, long)
	bring(t, s, long.RefundID, refund.Review, map[string]string{"reason_code": "not_proven",
		"why": "an answer was lost, and the provider can't tell whether the money moved; look into its portal"})
	for _, columns := range []int{60, 80, 120} {
		b.Columns = columns
		for _, line := range []string{"list", "list --state review", "stats", "show " + long.RefundID, "show --payment unitpay/123451234512345"} {
			r := b.Run(append(strings.Fields(line), "--color", "never")...)
			for row := range strings.Lines(r.Stdout) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(row, "\n")); n > columns {
					t.Errorf("%s: %d characters on a terminal of %d: %q", line, n, columns, row)
				}
			}
			if r.Status != cli.OK || !strings.Contains(r.Stdout, "review") {
				t.Errorf("%s: %+v", line, r)
			}
		}
	}
	b.Columns = 80
	if r := b.Run("list", "--state", "review"); !strings.Contains(r.Stdout, "\x1b[31mreview\x1b[0m") || !strings.Contains(r.Stdout, "…") {
		t.Errorf("on a terminal: %q", r.Stdout)
	}
	b.Columns = 0
	if r := b.Run("list"); strings.ContainsAny(r.Stdout, "\x1b…") || !strings.Contains(r.Stdout, "look into its portal") {
		t.Errorf("in a pipe: %q", r.Stdout)
	}
}

func TestAfterRestoreTellsScripts(t *testing.T) {
	b := clitest.New(t, run)
	if got := b.Run("after-restore", "-o", "json"); got.Stdout != "{\"restored\":true}\n" {
		t.Errorf("%+v", got)
	}
	if got := b.Run("after-restore", "--done", "-o", "json"); got.Stdout != "{\"restored\":false}\n" {
		t.Errorf("%+v", got)
	}
}

// words are those that a shell is offered.
func words(r clitest.Result) []string {
	var list []string
	for line := range strings.Lines(r.Stdout) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
			list = append(list, word)
		}
	}
	return list
}

func TestTheShellIsOfferedWhatFits(t *testing.T) {
	b, _ := bench(t)
	for line, want := range map[string]string{
		"resolve ":           "b p",
		"resolve p":          "p",
		"retry ":             "b p",
		"cancel ":            "a",
		"show ":              "b p a",
		"show a ":            "",
		"pause ":             "unitpay single maib sberbank",
		"list --provider ":   "unitpay single maib sberbank",
		"export --provider ": "unitpay single maib sberbank",
		"list --state ":      "queued sending unknown accepted review succeeded declined canceled",
		"list --color ":      "auto always never",
	} {
		got := words(b.Run(append([]string{"__complete"}, strings.Split(line, " ")...)...))
		wanted := strings.Fields(want)
		slices.Sort(got) // buckets are walked in their own order
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%q: got %v, want %s", line, got, want)
		}
	}
	if r := b.Run("__complete", "resolve", "b"); !strings.Contains(r.Stdout, "b\treview unitpay 2 2.00 RUB not_proven\n") {
		t.Errorf("%+v", r)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := b.Run("completion", shell); r.Status != cli.OK || len(r.Stdout) < 1000 {
			t.Errorf("completion %s: %d, %d bytes", shell, r.Status, len(r.Stdout))
		}
	}
}

func TestTheShellIsOfferedNothingWithoutRedis(t *testing.T) {
	b := clitest.New(t, run)
	b.Redis.Close()
	if r := b.Run("__complete", "resolve", ""); len(words(r)) != 0 {
		t.Errorf("%+v", r)
	}
}
