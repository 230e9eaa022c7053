package main

import (
	"testing"
	"time"
)

func TestTheOtherProviderGetsTheCallsThatItMay(t *testing.T) {
	for name, c := range map[string]struct {
		limit  string
		calls  int64
		passed time.Duration
		ok     bool
	}{
		"paused and left alone":             {"", 0, time.Minute, true},
		"paused and called":                 {"", 1, time.Minute, false},
		"limited and called as allowed":     {"2/s", 7, 3 * time.Second, true},
		"limited and called once too often": {"2/s", 8, 3 * time.Second, false},
		"limited and never called":          {"2/s", 0, 3 * time.Second, false},
		"not yet its turn":                  {"1/h", 0, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			row := neighboursRow{Other: name, limit: c.limit}
			if err := row.allowed(c.calls, c.passed); (err == nil) != c.ok {
				t.Errorf("%v, want none: %v", err, c.ok)
			}
		})
	}
}
