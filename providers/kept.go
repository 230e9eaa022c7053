package providers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// When a connection may serve another attempt. Each figure is on the careful
// side: what is at stake is a handshake, against an attempt of which nobody
// knows what became.
const (
	maxKept   = 32               // idle connections of one account
	idleLimit = time.Second      // well below what servers allow, so that theirs does not end while ours begins
	ageLimit  = time.Minute      // so that a change of address or certificate is followed
	distrust  = 10 * time.Minute // how long each attempt has a connection of its own after one died
)

// keptConns are the connections that wait for the next attempt, each for
// idleLimit at most. The zero value with a clock is ready.
type keptConns struct {
	now func() time.Time

	mu        sync.Mutex
	idle      []*attemptConn // the one that came last at the end
	timer     *time.Timer    // sweeps; nil before the first came
	betrayed  bool           // a kept connection died under an attempt,
	betrayal  time.Time      // at this time
	abandoned bool           // for good: the client was closed
}

// keeping reports whether connections are kept at all at present.
func (k *keptConns) keeping() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keepingLocked()
}

func (k *keptConns) keepingLocked() bool {
	return looks && !k.abandoned && (!k.betrayed || since(k.betrayal, k.now()) >= distrust)
}

// take returns a connection that is open and silent, or nil. What it finds unfit
// it closes.
func (k *keptConns) take() *attemptConn {
	for k.keeping() {
		c := k.pop()
		if c == nil {
			return nil
		}
		if c.fresh(k.now()) && still(c.guard.Conn) {
			return c
		}
		c.guard.Close()
	}
	return nil
}

// pop takes the one that came last: the others may grow stale and be closed.
func (k *keptConns) pop() *attemptConn {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := len(k.idle) - 1
	if last < 0 {
		return nil
	}
	c := k.idle[last]
	k.idle = slices.Delete(k.idle, last, last+1)
	return c
}

// put keeps a connection whose last answer was read to its end, or closes it,
// and closes those that have waited for too long.
func (k *keptConns) put(c *attemptConn) {
	c.rested, c.again = k.now(), true
	for _, c := range k.push(c) {
		c.guard.Close()
	}
}

// push returns those to close.
func (k *keptConns) push(c *attemptConn) []*attemptConn {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.keepingLocked() || len(k.idle) == maxKept {
		return []*attemptConn{c}
	}
	old := k.stale(c.rested)
	k.idle = append(k.idle, c)
	if k.timer == nil {
		k.timer = time.AfterFunc(idleLimit, k.sweep)
	} else {
		k.timer.Reset(idleLimit)
	}
	return old
}

// stale takes out those that have waited for too long; the caller holds mu.
func (k *keptConns) stale(now time.Time) []*attemptConn {
	n := 0
	for n < len(k.idle) && since(k.idle[n].rested, now) >= idleLimit {
		n++
	}
	old := slices.Clone(k.idle[:n])
	k.idle = slices.Delete(k.idle, 0, n)
	return old
}

// sweep closes those that nobody has taken.
func (k *keptConns) sweep() {
	k.mu.Lock()
	old := k.stale(k.now())
	if len(k.idle) > 0 {
		k.timer.Reset(idleLimit)
	}
	k.mu.Unlock()
	for _, c := range old {
		c.guard.Close()
	}
}

// betray notes that a kept connection died under an attempt: the other side
// closes connections without a word, so none is kept for a while.
func (k *keptConns) betray() {
	k.end(func() { k.betrayed, k.betrayal = true, k.now() })
}

// abandon keeps none from now on.
func (k *keptConns) abandon() {
	k.end(func() { k.abandoned = true })
}

// end notes why, and closes all that wait.
func (k *keptConns) end(why func()) {
	k.mu.Lock()
	why()
	old := k.idle
	k.idle = nil
	if k.timer != nil {
		k.timer.Stop()
	}
	k.mu.Unlock()
	for _, c := range old {
		c.guard.Close()
	}
}

// since is how long ago t was, by the clock that says more: the monotonic one
// stops while a machine is suspended, the wall clock may be set back.
func since(t, now time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// patience is how long a connection may be idle after this answer: half of what
// the other side announces (Keep-Alive: timeout=5, in seconds), if that is less
// than our own limit.
func patience(h http.Header) time.Duration {
	limit := idleLimit
	for _, line := range h["Keep-Alive"] {
		for parameter := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if !strings.EqualFold(name, "timeout") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0
			}
			limit = min(limit, time.Duration(seconds)*time.Second/2)
		}
	}
	return limit
}
