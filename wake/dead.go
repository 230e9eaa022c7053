package wake

import (
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// deadEvery is a little less than the minute after which each of asynq's servers looks
// for dead workers' tasks.
const deadEvery = 50 * time.Second

// dead lets one of a provider's servers in this process look for the tasks of dead
// workers. Each server brings all of them back, one after the other, and gives no heed
// to the others: a late one would take a task away that an earlier one has brought back
// and that runs again.
type dead struct {
	mu     sync.Mutex
	looked map[string]time.Time // by the queue's leases: when the last look began
}

// look asks, unless another server has lately.
func (d *dead) look(leases string, ask func() *redis.Cmd) (cmd *redis.Cmd, asked bool) {
	began := time.Now()
	if !d.begin(leases, began) {
		return nil, false
	}
	if cmd = ask(); cmd.Err() != nil { // NOSCRIPT, too: the same server asks again
		d.failed(leases, began)
	}
	return cmd, true
}

func (d *dead) begin(leases string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ever := d.looked[leases]; ever && now.Sub(last) < deadEvery {
		return false
	}
	if d.looked == nil {
		d.looked = map[string]time.Time{}
	}
	d.looked[leases] = now
	return true
}

// failed lets whoever is next look at once.
func (d *dead) failed(leases string, began time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looked[leases] == began {
		delete(d.looked, leases)
	}
}
