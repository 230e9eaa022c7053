package tasks_test

import (
	"testing"
	"time"

	"refundworker/tasks"
)

func TestWhatGettingReadyTakesIsTheLongestOfLate(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		took []time.Duration
		want time.Duration
	}{
		"as long as may be at first":                {nil, 50 * ms},
		"it fades":                                  {[]time.Duration{2 * ms}, 44 * ms},
		"and goes on fading":                        {[]time.Duration{2 * ms, 4 * ms}, 39 * ms},
		"a longer one counts at once":               {[]time.Duration{2 * ms, 48 * ms}, 48 * ms},
		"one that hung counts no more than may be":  {[]time.Duration{10 * time.Second}, 50 * ms},
		"and is forgotten as soon as any other one": {[]time.Duration{10 * time.Second, 2 * ms}, 44 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tasks.Ahead(c.took...); got != c.want {
				t.Errorf("the next one takes %s, want %s", got, c.want)
			}
		})
	}
}
