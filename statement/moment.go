package statement

import (
	"fmt"
	"strings"
	"time"
)

// layouts are those that can be read in one way only. With slashes nobody can
// tell the day from the month, so they need a layout of their own.
var layouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
	"02.01.2006 15:04:05", "02.01.2006 15:04", "02.01.2006",
}

// moment reads a time.
func moment(s string, f Form) (time.Time, error) {
	s = strings.TrimSpace(s)
	if f.Layout != "" {
		t, err := time.ParseInLocation(f.Layout, s, f.zone())
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is not written as %s", clip(s), f.Layout)
		}
		return t, nil
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, f.zone()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time that can be read in one way only, such as 2006-01-02 15:04:05 or 02.01.2006: say how it is written with --time-layout or statement.time_layout", clip(s))
}
