package cli

import (
	"fmt"
	"time"
)

// Moment is a flag that takes a moment: RFC 3339, a day as 2006-01-02 (its
// start in UTC), or how long ago, such as 24h.
type Moment struct {
	Time time.Time // zero: not given
	now  func() time.Time
}

// NewMoment returns a flag value that counts back from now.
func NewMoment(now func() time.Time) *Moment { return &Moment{now: now} }

// String returns the moment.
func (m *Moment) String() string { return Stamp(m.Time) }

// Type names the flag's value in the help.
func (m *Moment) Type() string { return "TIME" }

// Set reads the moment.
func (m *Moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			m.Time = t
			return nil
		}
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 {
		return fmt.Errorf("must be a time such as 2006-01-02T15:04:05Z, a day such as 2006-01-02, or how long ago, such as 24h")
	}
	m.Time = m.now().Add(-ago)
	return nil
}

// Stamp writes a moment in UTC to the second; nothing for the zero time.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
