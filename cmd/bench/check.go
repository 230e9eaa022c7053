package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"refundworker/ratelimit"
)

// firstOf returns the first flag's error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func within(flag string, n, lo, hi int) error {
	if n < lo || n > hi {
		return fmt.Errorf("--%s must be from %d to %d", flag, lo, hi)
	}
	return nil
}

func eachWithin(flag string, list []int, lo, hi int) error {
	if len(list) == 0 {
		return fmt.Errorf("--%s must name a number", flag)
	}
	for _, n := range list {
		if err := within(flag, n, lo, hi); err != nil {
			return err
		}
	}
	return nil
}

func eachDurationWithin(flag string, list []time.Duration, lo, hi time.Duration) error {
	if len(list) == 0 {
		return fmt.Errorf("--%s must name a duration", flag)
	}
	for _, d := range list {
		if d < lo || d > hi {
			return fmt.Errorf("--%s must be from %s to %s", flag, lo, hi)
		}
	}
	return nil
}

func eachLimit(flag string, list []string) error {
	if len(list) == 0 {
		return fmt.Errorf("--%s must name a limit, as in 50/s", flag)
	}
	for _, text := range list {
		if l, err := ratelimit.Parse(text); err != nil || l.Unlimited {
			return fmt.Errorf("--%s: %q is no limit as in 50/s", flag, text)
		}
	}
	return nil
}

func oneOf(flag, value string, of []string) error {
	if !slices.Contains(of, value) {
		return fmt.Errorf("--%s must be one of %s", flag, strings.Join(of, ", "))
	}
	return nil
}
