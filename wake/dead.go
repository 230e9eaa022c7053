package wake

import (
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// deadEvery is a little less than the minute after which each of asynq's servers looks
// for dead workers' tasks.
const deadEvery = 50 * time.Second

// dead lets one of a provider's servers at a time look for the tasks of dead workers.
// Each server brings all of them back, one after the other, and gives no heed to the
// others of its process: a late one would take a task away that an earlier one has
// brought back and that runs again.
type dead struct {
	mu     sync.Mutex
	looked map[string]time.Time // by the queue's leases: when the last look began
}

// look asks, unless another server has lately.
func (d *dead) look(leases string, ask func() *redis.Cmd) (cmd *redis.Cmd, asked bool) {
	if !d.begin(leases) {
		return nil, false
	}
	if cmd = ask(); cmd.Err() != nil { // NOSCRIPT, too: the same server asks again
		d.mu.Lock()
		delete(d.looked, leases)
		d.mu.Unlock()
	}
	return cmd, true
}

func (d *dead) begin(leases string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ever := d.looked[leases]; ever && time.Since(last) < deadEvery {
		return false
	}
	if d.looked == nil {
		d.looked = map[string]time.Time{}
	}
	d.looked[leases] = time.Now()
	return true
}
