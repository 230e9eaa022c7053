package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/ratelimit"
)

// span is when something was: between the two, which are since 1970 and by one
// clock.
type span struct{ from, to time.Duration }

// early is how much sooner than the limit allows any of them certainly came after
// those before it. They are sorted.
func early(list []span, interval time.Duration, burst int) (early time.Duration) {
	// In a time t there may be burst + t/interval of them. The one that is the
	// earliest after some i before it is found in one pass: only the i counts that
	// leaves the least room.
	var room time.Duration
	for i, s := range list {
		if from := s.from - time.Duration(i)*interval; i == 0 || from > room {
			room = from
		}
		early = max(early, room-(s.to-time.Duration(i+1-burst)*interval))
	}
	return early
}

// mostIn is how many of them certainly came in any window of that length.
func mostIn(window time.Duration, list []span) (most int) {
	first := 0
	for i, s := range list {
		for s.to-list[first].from > window {
			first++
		}
		most = max(most, i+1-first)
	}
	return most
}

// slots is what a provider's limiter gives away, read from what MONITOR shows of
// its state: see ratelimit/state.lua. There may be no penalty meanwhile.
type slots struct {
	wrote           *regexp.Regexp
	reserves        *regexp.Regexp // a request that may, with how long its caller takes to get ready
	interval, ahead time.Duration  // as the limiter reckons them
	tat             time.Duration  // the state as it was last written
	asked           time.Duration  // when the latest request came
	ready           time.Duration  // how long its caller takes
	given           []span
}

func watchSlots(provider string, limit ratelimit.Limit, burst int) (*slots, error) {
	r, err := ratelimit.Reserving(provider, limit, burst, 0, 0)
	if err != nil {
		return nil, err
	}
	interval := time.Duration(r.Args[0].(int64)) * time.Microsecond
	key := regexp.QuoteMeta(strconv.Quote(r.Key))
	return &slots{wrote: regexp.MustCompile(`^\d+\.\d+ \[\d+ lua\] "(?i:set)" ` + key + ` "(\d+) \d+ \d+"`),
		reserves: regexp.MustCompile(key + ` .*"(\d+)"\s*$`),
		interval: interval, ahead: time.Duration(burst-1) * interval}, nil
}

// take reads one of MONITOR's lines, which begin with the server's time.
func (s *slots) take(line string) {
	stamp, rest, _ := strings.Cut(line, " ")
	seconds, micros, _ := strings.Cut(stamp, ".")
	n, err := strconv.ParseInt(seconds+micros, 10, 64)
	if err != nil || len(micros) != 6 {
		return
	}
	at := time.Duration(n) * time.Microsecond
	if !strings.HasPrefix(rest, "[0 lua]") {
		s.asked, s.ready = at, 0
		if asks := s.reserves.FindStringSubmatch(rest); asks != nil {
			n, _ = strconv.ParseInt(asks[1], 10, 64) // 0 where it is none
			s.ready = time.Duration(n) * time.Microsecond
		}
		return
	}
	wrote := s.wrote.FindStringSubmatch(line)
	if wrote == nil {
		return
	}
	n, err = strconv.ParseInt(wrote[1], 10, 64)
	tat := time.Duration(n) * time.Microsecond
	if err != nil || tat == s.tat {
		return // somebody was turned away
	}
	// It begins when its caller is ready, reckoned from a time between the request and
	// this line, or later.
	s.tat = tat
	begins := tat - s.interval - s.ahead
	given := span{max(begins, s.asked+s.ready), max(begins, at+s.ready)}
	// Who takes longer may have been given a later one first.
	i := len(s.given)
	for i > 0 && s.given[i-1].from > given.from {
		i--
	}
	s.given = slices.Insert(s.given, i, given)
}

// check compares what was given away with the limit, and with the calls that came,
// of which the first are known by their times, in order.
func (s *slots) check(limit ratelimit.Limit, burst int, calls int64, first []time.Time) error {
	if int64(len(s.given)) < calls {
		return fmt.Errorf("the provider got %d calls, and the limit let %d through", calls, len(s.given))
	}
	if by := early(s.given, limit.Per/time.Duration(limit.Calls), burst); by > 0 {
		return fmt.Errorf("%s with a burst of %d was exceeded: a slot came %s too early", limit, burst, by)
	}
	for i, at := range first {
		if by := s.given[i].from - time.Duration(at.UnixNano()); by > 0 {
			return fmt.Errorf("%s with a burst of %d was exceeded: call %d came %s before its slot", limit, burst, i+1, by)
		}
	}
	return nil
}
