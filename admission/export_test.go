package admission

import "time"

// Clock is a clock for tests outside of the package.
type Clock struct{ clock }

// Passed is how long ago an answer was made, at least.
func (c *Clock) Passed(server, asked, read time.Time) time.Duration {
	return c.passed(server, asked, read)
}
