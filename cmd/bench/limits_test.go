package main

import (
	"math"
	"testing"
	"time"
)

func TestTheRateIsJudgedByEveryWindow(t *testing.T) {
	at := func(ms ...int) (list []arrival) {
		for _, n := range ms {
			list = append(list, arrival{At: time.Unix(0, 0).Add(time.Duration(n) * time.Millisecond)})
		}
		return list
	}
	for name, c := range map[string]struct {
		burst   int
		arrived []arrival
		used    float64
		early   float64 // ms
	}{
		"one in each slot":                   {1, at(0, 100, 200, 300), 1, 0},
		"half of them":                       {1, at(0, 200, 400), 0.5, 0},
		"in any order":                       {1, at(300, 0, 200, 100), 1, 0},
		"a call too early":                   {1, at(0, 100, 170, 300), 1, 30},
		"one too many in the middle":         {1, at(0, 200, 250, 300, 600), 400. / 600, 100},
		"a burst is allowed":                 {3, at(0, 0, 0, 100), 3, 0},
		"a burst that is too large":          {2, at(0, 0, 0, 100), 3, 100},
		"a burst and after it one too early": {2, at(0, 0, 90, 400), 300. / 400, 10},
	} {
		t.Run(name, func(t *testing.T) {
			row := limitsRow{Limit: "10/s", Burst: c.burst}
			row.rate(c.arrived)
			if math.Abs(row.Used-c.used) > 1e-9 || math.Abs(row.Early-c.early) > 1e-9 {
				t.Errorf("used %v, early %v ms; want %v and %v", row.Used, row.Early, c.used, c.early)
			}
		})
	}
}
