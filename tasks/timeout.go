package tasks

import (
	"time"

	"refundworker/config"
)

// inPlace is how far ahead a slot of the rate limit is reserved, and how long a
// refund waits for the end of a pause without going back to the queue. A slot
// that is reserved is not called back when the provider asks to slow down.
const inPlace = 2 * time.Second

// limitHold is how long a refund that gets no slot keeps its place in the worker,
// asking again when its turn should come. Places are the provider's own, and
// others that took this one would get no slot either: the backlog would go round
// through the queue. It ends because one of the queue that comes first may wait.
const limitHold = 15 * time.Second

// settleFor is how long a worker tries to write down what a provider said while
// Redis is away.
const settleFor = 30 * time.Second

// TaskTimeout bounds one run of a refund's task: a token, a lookup and a
// refund call, the waits for a seat and for the limit before them, and writing down
// the outcome. Whole seconds, because asynq takes nothing less.
func TaskTimeout(p config.Provider) time.Duration {
	return (4*(p.Timeout+inPlace+limitHold) + settleFor + time.Minute).Round(time.Second)
}
