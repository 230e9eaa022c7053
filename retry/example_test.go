package retry_test

import (
	"fmt"
	"time"

	"refundworker/providers"
	"refundworker/retry"
)

// How long a refund waits before its next tries while its provider can't be
// reached: the upper bounds, which full jitter draws from.
func ExamplePolicy_Backoff() {
	policy := retry.Policy{Initial: time.Second, Max: 5 * time.Minute}
	largest := func() float64 { return 0 } // in place of rand.Float64
	for try := range 4 {
		fmt.Println(policy.Backoff(providers.Unavailable, try, 0, largest))
	}
	fmt.Println(policy.Backoff(providers.RateLimited, 0, 30*time.Second, largest), "after a Retry-After of 30s")
	// Output:
	// 1s
	// 2s
	// 4s
	// 8s
	// 30s after a Retry-After of 30s
}
