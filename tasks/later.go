package tasks

import (
	"errors"
	"fmt"
	"time"
)

// Later says that a refund waits. It is not a failure: the queue brings the
// refund back after the time.
type Later struct {
	After time.Duration
	Why   string // one line for people
}

// Error says why it waits and for how long.
func (l *Later) Error() string {
	return fmt.Sprintf("waiting: %s; next look in %s", l.Why, l.After.Round(100*time.Millisecond))
}

// AsLater returns the Later within err, or nil.
func AsLater(err error) *Later {
	var l *Later
	if errors.As(err, &l) {
		return l
	}
	return nil
}

func stopping() error { return &Later{After: time.Second, Why: "the worker is stopping"} }
