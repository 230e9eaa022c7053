package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"refundworker/ratelimit"
)

func tenth(t *testing.T) ratelimit.Limit {
	t.Helper()
	limit, err := ratelimit.Parse("10/s")
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

func TestTheRateIsJudgedByEveryWindow(t *testing.T) {
	at := func(ms ...int) (list []time.Time) {
		for _, n := range ms {
			list = append(list, time.Unix(0, 0).Add(time.Duration(n)*time.Millisecond))
		}
		return list
	}
	for name, c := range map[string]struct {
		burst   int
		arrived []time.Time
		used    float64
		early   float64       // ms
		late    time.Duration // ms, the one in the middle
	}{
		"one in each slot":                   {1, at(0, 100, 200, 300), 1, 0, 0},
		"half of them":                       {1, at(0, 200, 400), 3. / 5, 0, 100},
		"the first call late":                {1, at(100, 200, 300), 3. / 4, 0, 100},
		"a call too early":                   {1, at(0, 100, 170, 300), 1, 30, 0},
		"one too many in the middle":         {1, at(0, 200, 250, 300, 600), 5. / 7, 100, 50},
		"a burst is allowed":                 {3, at(0, 0, 0, 100), 1, 0, 0},
		"a burst that is not used up":        {3, at(0, 100, 200), 3. / 5, 0, 100},
		"a burst that is too large":          {2, at(0, 0, 0, 100), 4. / 3, 100, -100},
		"a burst and after it one too early": {2, at(0, 0, 90, 400), 4. / 6, 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			row := limitsRow{Burst: c.burst}
			given := make([]span, len(c.arrived))
			for i := range given {
				begins := max(0, time.Duration(i+1-c.burst)*100*time.Millisecond)
				given[i] = span{begins, begins}
			}
			row.rate(tenth(t), given, c.arrived)
			if math.Abs(row.Used-c.used) > 1e-9 || math.Abs(row.Early-c.early) > 1e-9 || row.Late != c.late*time.Millisecond {
				t.Errorf("used %v, early %v ms, late %v; want %v, %v and %v ms", row.Used, row.Early, row.Late, c.used, c.early, c.late)
			}
		})
	}
}

// A second of slots, 10/s, as MONITOR shows it. Each line is the time of the
// request in ms after some time, what was written then: the next tat in ms, and how
// long the caller takes to get ready.
func TestSlotsAreReadFromWhatTheLimiterWrites(t *testing.T) {
	type write struct{ asked, tat, ready int }
	for name, c := range map[string]struct {
		burst  int
		calls  int64
		first  []int // ms of the first of them
		writes []write
		most   int
		err    string
	}{
		"one in each slot":                      {1, 3, []int{1, 100, 250}, []write{{0, 100, 0}, {100, 200, 0}, {200, 300, 0}}, 3, ""},
		"reserved ahead":                        {1, 2, []int{0, 110}, []write{{0, 100, 0}, {10, 200, 0}, {20, 300, 0}}, 3, ""},
		"somebody is turned away":               {1, 2, nil, []write{{0, 100, 0}, {10, 100, 0}, {110, 210, 0}}, 2, ""},
		"eleven in a second, both ends of it":   {1, 12, nil, []write{{0, 100, 0}, {0, 200, 0}, {0, 300, 0}, {0, 400, 0}, {0, 500, 0}, {0, 600, 0}, {0, 700, 0}, {0, 800, 0}, {0, 900, 0}, {0, 1000, 0}, {0, 1100, 0}, {0, 1200, 0}}, 11, ""},
		"a burst":                               {3, 4, []int{0, 0, 0, 100}, []write{{0, 100, 0}, {0, 200, 0}, {0, 300, 0}, {100, 400, 0}}, 4, ""},
		"a burst that is too large":             {2, 3, nil, []write{{0, 100, 0}, {0, 200, 0}, {0, 201, 0}}, 3, "a slot came 99ms too early"},
		"a slot too early":                      {1, 2, nil, []write{{0, 100, 0}, {60, 160, 0}}, 2, "a slot came 39.997ms too early"},
		"a call before its slot":                {1, 2, []int{0, 99}, []write{{0, 100, 0}, {1, 200, 0}}, 2, "call 2 came 1ms before its slot"},
		"not ready at once":                     {1, 2, []int{40, 140}, []write{{0, 140, 40}, {10, 240, 40}}, 2, ""},
		"a burst of whom some take longer":      {3, 4, []int{2, 40, 40, 140}, []write{{0, 140, 40}, {1, 240, 0}, {2, 340, 30}, {3, 440, 0}}, 4, ""},
		"a call before its caller can be ready": {1, 1, []int{39}, []write{{0, 140, 40}}, 1, "call 1 came 1ms before its slot"},
		"a call without a slot":                 {1, 3, nil, []write{{0, 100, 0}, {100, 200, 0}}, 2, "3 calls, and the limit let 2 through"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := watchSlots("bank", tenth(t), c.burst)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.writes {
				for _, line := range []string{
					fmt.Sprintf(`1700000000.%03d000 [0 127.0.0.1:1] "evalsha" "0123" "2" "refunds:{prov:bank}:pause" "refunds:{prov:bank}:limit" "1" "5" "100000" "%d"`, w.asked, w.ready*1000),
					fmt.Sprintf(`1700000000.%03d001 [0 lua] "TIME"`, w.asked),
					fmt.Sprintf(`1700000000.%03d002 [0 lua] "SET" "refunds:{prov:other}:limit" "1 0 0" "PX" "1"`, w.asked),
					fmt.Sprintf(`1700000000.%03d003 [0 lua] "SET" "refunds:{prov:bank}:limit" "%d 0 0" "PX" "1"`, w.asked, 1700000000_000000+int64(w.tat)*1000),
				} {
					s.take(line)
				}
			}
			var first []time.Time
			for _, n := range c.first {
				first = append(first, time.UnixMilli(1700000000_000+int64(n)))
			}
			err = s.check(tenth(t), c.burst, c.calls, first)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %q; %v", err, c.err, s.given)
			}
			if most := mostIn(time.Second, s.given); most != c.most {
				t.Errorf("%d in a second, want %d", most, c.most)
			}
		})
	}
}
