package world

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"refundworker/refund"
)

// sweepSlack is a little more than how long after its time the sweeper takes a
// refund up.
const sweepSlack = 3100 * time.Millisecond

// ErrNotSettled says that refunds were still open when the time was over.
var ErrNotSettled = errors.New("world: not settled")

// Settle lets the processes work and sweep in turns, and time pass, until every
// refund is final or in review, or until the limit (ErrNotSettled). Processes
// that die or freeze are left out; the error is ErrDied or ErrFrozen when none
// is left.
func (w *World) Settle(limit time.Duration, processes ...*Process) error {
	end := time.Now().Add(limit)
	for range 2000 {
		var gone error
		alive := 0
		for _, p := range processes {
			switch {
			case p.Dead():
				gone = ErrDied
				continue
			case p.Frozen():
				gone = ErrFrozen
				continue
			}
			alive++
			if err := w.turn(p); err != nil && !Ended(err) && !errors.Is(err, errBroken) && !errors.Is(err, errLater) {
				return err
			}
		}
		if alive == 0 {
			return gone
		}
		if len(w.Open()) == 0 && w.pending() == nil {
			return nil
		}
		next := w.next()
		if back := back(processes); next.Before(back) {
			next = back
		}
		if next.After(end) {
			return fmt.Errorf("%w: %s", ErrNotSettled, strings.Join(w.Open(), ", "))
		}
		w.Advance(time.Until(next))
	}
	return fmt.Errorf("%w after many turns: %s", ErrNotSettled, strings.Join(w.Open(), ", "))
}

// back is when the first of the processes can reach Redis again; zero: one can.
func back(processes []*Process) time.Time {
	var first time.Time
	for _, p := range processes {
		if p.Dead() || p.Frozen() {
			continue
		}
		until := p.away()
		if until.IsZero() {
			return until
		}
		if first.IsZero() || until.Before(first) {
			first = until
		}
	}
	return first
}

// turn is Turn, without the sweep where it would find nothing.
func (w *World) turn(p *Process) error {
	if err := p.workOff(); err != nil {
		return err
	}
	if len(w.Open()) > 0 && !w.sweepable() {
		return nil
	}
	return p.Tick()
}

// Turn handles what is pending and sweeps once.
func (p *Process) Turn() error {
	if err := p.workOff(); err != nil {
		return err
	}
	return p.Tick()
}

func (p *Process) workOff() error {
	for range 50 {
		worked, err := p.Work()
		if err != nil || !worked {
			return err
		}
	}
	return nil
}

// sweepable reports whether a sweep would find anything.
func (w *World) sweepable() bool {
	due := time.Now().Add(w.skew - sweepSlack).UnixMilli()
	for _, key := range w.keys(indexKey) {
		for _, at := range w.scores(key) {
			if at <= float64(due) {
				return true
			}
		}
	}
	return len(w.keys(outboxKey)) > 0
}

// next is when anything is to happen next: at the soonest when the sweeper
// would look again, at the latest in an hour.
func (w *World) next() time.Time {
	now := time.Now()
	soonest := now.Add(time.Hour)
	consider := func(t time.Time) {
		if t.Before(soonest) {
			soonest = t
		}
	}
	for _, queue := range w.queues() {
		for _, set := range []string{"scheduled", "retry"} {
			for _, at := range w.scores(queuePrefix(queue) + set) {
				consider(time.Unix(int64(at), 0))
			}
		}
	}
	for _, key := range w.keys(indexKey) {
		for _, at := range w.scores(key) {
			consider(time.UnixMilli(int64(math.Ceil(at))).Add(sweepSlack - w.skew))
		}
	}
	if earliest := now.Add(time.Second); soonest.Before(earliest) {
		return earliest
	}
	return soonest
}

// Open names the refunds that are neither final nor in review.
func (w *World) Open() []string {
	var open []string
	for _, key := range w.keys(recordKey) {
		state := refund.State(w.Redis.HGet(key, "state"))
		if !state.Terminal() && (state != refund.Review || w.Redis.HGet(key, "request") != "") {
			open = append(open, fmt.Sprintf("%s is %s (%s)", refundID(key), state, w.Redis.HGet(key, "why")))
		}
	}
	return open
}

// Situation describes where every refund stands, for telling whether two
// moments of a story are alike.
func (w *World) Situation() string {
	var all []string
	for _, key := range w.keys(recordKey) {
		hash := func(field string) string { return w.Redis.HGet(key, field) }
		all = append(all, fmt.Sprintf("%s:%s a%s r%s t%s l%t u%s known%s q%t", refundID(key), hash("state"), hash("attempts"), hash("resends"),
			hash("tries"), hash("lookups") != "" && hash("lookups") != "0", hash("unproven"), hash("known"), hash("request") != ""))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// refundID is what a record's key ends with.
func refundID(key string) string { return key[strings.LastIndexByte(key, ':')+1:] }

// The journal's keys.
var (
	recordKey = regexp.MustCompile(`^refunds:\{\d+\}:r:`)
	indexKey  = regexp.MustCompile(`^refunds:\{\d+\}:(due|wait)$`)
	outboxKey = regexp.MustCompile(`^refunds:\{\d+\}:out$`)
	stateKey  = regexp.MustCompile(`^refunds:\{\d+\}:s:`)
	countKey  = regexp.MustCompile(`^refunds:\{\d+\}:n$`)
)

func (w *World) keys(pattern *regexp.Regexp) []string {
	var keys []string
	for _, key := range w.Redis.Keys() {
		if strings.HasPrefix(key, "refunds:{") && pattern.MatchString(key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// scores returns the members of a sorted set; none if there is no such key.
func (w *World) scores(key string) map[string]float64 {
	if !w.Redis.Exists(key) {
		return nil
	}
	set, err := w.Redis.SortedSet(key)
	if err != nil {
		return nil
	}
	return set
}
