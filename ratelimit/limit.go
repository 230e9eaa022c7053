package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is how many calls a provider takes per period, over all processes. The
// zero Limit is the careful one: Default.
type Limit struct {
	Calls     int
	Per       time.Duration
	Unlimited bool
}

// Default is the limit of a provider that states none.
var Default = Limit{Calls: 5, Per: time.Second}

// maxPer bounds the period: times are whole microseconds that Lua's numbers
// (53 bits) must hold exactly.
const maxPer = 24 * time.Hour

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// Parse reads a limit as the configuration writes it: "5/s", "300/m", "1000/h"
// or "none".
func Parse(text string) (Limit, error) {
	if text == "none" {
		return Limit{Unlimited: true}, nil
	}
	count, unit, _ := strings.Cut(text, "/")
	per, known := periods[unit]
	calls, err := strconv.Atoi(count)
	if !known || err != nil || strings.Trim(count, "0123456789") != "" {
		return Limit{}, fmt.Errorf(`rate limit %q: want N/s, N/m, N/h or "none", as in 5/s`, text)
	}
	l := Limit{Calls: calls, Per: per}
	if calls == 0 {
		return Limit{}, fmt.Errorf("rate limit %q: at least 1 call", text)
	}
	if err := l.check(); err != nil {
		return Limit{}, fmt.Errorf("rate limit %q: %w", text, err)
	}
	return l, nil
}

// String writes the limit as Parse reads it; a period that Parse does not know
// is written as a duration, as in "3/10s".
func (l Limit) String() string {
	l = l.orDefault()
	if l.Unlimited {
		return "none"
	}
	for unit, per := range periods {
		if l.Per == per {
			return strconv.Itoa(l.Calls) + "/" + unit
		}
	}
	return strconv.Itoa(l.Calls) + "/" + l.Per.String()
}

func (l Limit) orDefault() Limit {
	if l == (Limit{}) {
		return Default
	}
	return l
}

// check refuses a limit that cannot be kept.
func (l Limit) check() error {
	switch {
	case l.Unlimited:
		return nil
	case l.Calls < 1:
		return fmt.Errorf("at least 1 call, not %d", l.Calls)
	case l.Per < time.Microsecond || l.Per > maxPer:
		return fmt.Errorf("a period from 1µs to %s, not %s", maxPer, l.Per)
	case int64(l.Calls) > l.Per.Microseconds():
		return fmt.Errorf("more than one call a microsecond (%d in %s)", l.Calls, l.Per)
	}
	return nil
}

// interval is the time between two calls in microseconds, rounded up: never
// more calls than the limit says, and for 7/s one in a million fewer. It is 0
// for no limit.
func (l Limit) interval() int64 {
	if l.Unlimited {
		return 0
	}
	calls := int64(l.Calls)
	return (l.Per.Microseconds() + calls - 1) / calls
}
