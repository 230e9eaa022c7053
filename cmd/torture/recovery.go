package main

import (
	"strconv"
	"strings"
	"time"

	"refundworker/journal"
	"refundworker/refund"
)

// recoveries finds the attempts of this refund that were running when their
// worker died, and how long after that, or after the attempt's deadline if that
// was later, somebody else took the refund up. It reads the history, which
// names each step's worker and is stamped by Redis, whose clock is this
// machine's.
func (st *stage) recoveries(r *result, v journal.View) {
	for i, began := range v.History {
		if began.To != refund.Sending || began.From == refund.Sending || i+1 == len(v.History) {
			continue
		}
		next := v.History[i+1]
		for _, d := range st.deaths {
			if !strings.HasSuffix(began.By, "/"+strconv.Itoa(d.pid)) || d.at.Before(began.At) || !d.at.Before(next.At) {
				continue
			}
			r.TakenUp++
			from := began.At.Add(attemptTime)
			if d.at.After(from) {
				from = d.at
			}
			took := max(next.At.Sub(from)-st.redis.away(from, next.At), 0)
			if took > r.Slowest {
				r.Slowest = took
				r.SlowestOf = v.RefundID
			}
			if took > recoveryLimit {
				r.Broken = append(r.Broken, "taken up "+took.Round(time.Millisecond).String()+" after its worker died: "+story(v))
			}
		}
	}
}
