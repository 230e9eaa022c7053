package admission_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"refundworker/admission"
)

// Each answer is asked for, made and read at times by this process's clock, and the
// server's is apart from it by so much.
func TestAnAnswerIsAsOldAsTheQuickestOneTells(t *testing.T) {
	const ms = time.Millisecond
	type answer struct{ asked, made, read, apart, passed time.Duration }
	for name, answers := range map[string][]answer{
		"nothing is known at first":            {{0, 1 * ms, 9 * ms, 0, 0}},
		"the quickest tells of the others":     {{0, 1 * ms, 2 * ms, 0, 0}, {2 * ms, 3 * ms, 22 * ms, 0, 17980 * time.Microsecond}},
		"by a clock that shows another time":   {{0, 1 * ms, 2 * ms, time.Hour, 0}, {2 * ms, 3 * ms, 22 * ms, time.Hour, 17980 * time.Microsecond}},
		"the slow one tells nothing of it":     {{0, 1 * ms, 20 * ms, 0, 0}, {20 * ms, 21 * ms, 22 * ms, 0, 0}, {22 * ms, 23 * ms, 42 * ms, 0, 17980 * time.Microsecond}},
		"what is known is believed less later": {{0, 1 * ms, 2 * ms, 0, 0}, {10000 * ms, 10001 * ms, 10022 * ms, 0, 9980 * time.Microsecond}},
		"and not at all in the end":            {{0, 1 * ms, 2 * ms, 0, 0}, {60000 * ms, 60001 * ms, 60022 * ms, 0, 0}},
		"the server's clock was set back":      {{0, 1 * ms, 2 * ms, 0, 0}, {2 * ms, 3 * ms, 22 * ms, time.Second, 0}, {22 * ms, 23 * ms, 24 * ms, time.Second, 0}, {24 * ms, 25 * ms, 44 * ms, time.Second, 17980 * time.Microsecond}},
		"the server's clock was set forward":   {{0, 1 * ms, 2 * ms, 0, 0}, {2 * ms, 3 * ms, 4 * ms, -time.Second, 0}, {4 * ms, 5 * ms, 24 * ms, -time.Second, 17980 * time.Microsecond}},
		"set back by less than an answer took": {{0, 1 * ms, 2 * ms, 0, 0}, {2 * ms, 3 * ms, 22 * ms, ms, 18980 * time.Microsecond}},
	} {
		t.Run(name, func(t *testing.T) {
			var c admission.Clock
			start := time.Now()
			for i, a := range answers {
				server := start.Add(a.made - a.apart).Round(0)
				if got := c.Passed(server, start.Add(a.asked), start.Add(a.read)); got != a.passed {
					t.Errorf("answer %d was made %s ago, want %s", i+1, got, a.passed)
				}
			}
		})
	}
}

// Clocks drift. Where the server's is set, too, a round trip hides as much as it takes.
func TestNoAnswerIsReckonedOlderThanItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		span := func(most time.Duration, name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(rt, name))
		}
		var c admission.Clock
		set := rapid.Bool().Draw(rt, "set")
		now, apart := time.Now(), span(2*time.Hour, "apart")-time.Hour
		for range rapid.IntRange(2, 30).Draw(rt, "answers") {
			idle := span(10_000, "idle") * time.Millisecond
			now, apart = now.Add(idle), apart+span(idle/500, "drift")-idle/1000
			if set && rapid.IntRange(0, 5).Draw(rt, "now") == 0 {
				apart += span(200*time.Millisecond, "by") - 100*time.Millisecond
			}
			asked := now
			made := asked.Add(span(50*time.Millisecond, "there"))
			now = made.Add(span(50*time.Millisecond, "back"))
			got, age := c.Passed(made.Add(-apart).Round(0), asked, now), now.Sub(made)
			if got < 0 || got > now.Sub(asked) || got > age && !set {
				rt.Fatalf("made %s ago, and reckoned to be %s old", age, got)
			}
		}
	})
}
