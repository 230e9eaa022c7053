package tasks

import (
	"time"

	"refundworker/config"
)

// inPlace is how long a refund waits for the rate limit without going back to
// the queue.
const inPlace = 2 * time.Second

// settleFor is how long a worker tries to write down what a provider said while
// Redis is away.
const settleFor = 30 * time.Second

// TaskTimeout bounds one run of a refund's task: a token, a lookup and a
// refund call, the waits for the limit before them, and writing down the
// outcome. Whole seconds, because asynq takes nothing less.
func TaskTimeout(p config.Provider) time.Duration {
	return (4*p.Timeout + 4*inPlace + settleFor + time.Minute).Round(time.Second)
}
