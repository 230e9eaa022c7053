package main

import (
	"fmt"
	"strconv"
	"time"
)

// cpu is the time that a process spent on processors.
type cpu struct {
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
}

func (c cpu) since(before cpu) cpu { return cpu{c.User - before.User, c.System - before.System} }

func (c cpu) total() time.Duration { return c.User + c.System }

// cost is the processors' time for one refund, in microseconds.
type cost struct {
	User   float64 `json:"user_us"`
	System float64 `json:"system_us"`
}

func (c cpu) per(refunds int) cost {
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(refunds) }
	return cost{each(c.User), each(c.System)}
}

func (c cost) String() string { return fmt.Sprintf("%.0f+%.0f", c.User, c.System) }

func (c cost) sum() float64 { return c.User + c.System }

// seconds reads INFO's "12.345678".
func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseFloat(text, 64)
	return time.Duration(n * float64(time.Second)), err
}
