package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"refundworker/refund"
)

// print writes the closing table.
func (r *result) print(out io.Writer) error {
	for _, b := range r.Broken {
		fmt.Fprintln(out, b)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, value any, must string) { fmt.Fprintf(t, "%s\t%v\t%s\n", name, value, must) }
	row("enqueued", r.Enqueued, fmt.Sprintf("and %d of them again with the same id", r.Repeats))
	row("refused as duplicates", r.Refused, fmt.Sprintf("of %d equal refunds with another id; the others came after the first was declined", r.Twins))
	for _, state := range refund.States {
		if n := r.States[string(state)]; n > 0 {
			row(string(state), n, "")
		}
	}
	zero := func(name string, n int) { row(name, n, "must be 0") }
	zero("doubles", r.Doubles)
	zero("lost", r.Lost)
	zero("wrong", r.Wrong)
	zero("unsettled", r.Unsettled)
	zero("workers that ended by themselves", r.SelfEnded)
	row("workers killed", r.Kills, "SIGKILL")
	row("workers frozen", r.Freezes, "SIGSTOP, SIGCONT")
	row("redis restarts", r.Restarts, "SIGKILL, back on its append-only file")
	row("cut connections", r.Cut, fmt.Sprintf("%d of them with the write applied and its answer lost", r.Answers))
	row("enqueueings repeated", r.Retried, "after an error, with the same id")
	row("slowest recovery", r.Slowest.Round(time.Millisecond), fmt.Sprintf("must be at most %s; of %d attempts whose worker died", recoveryLimit, r.TakenUp))
	row("longest life of a refund", r.Longest.Round(time.Millisecond), "from enqueued to settled or in review")
	row("took", r.Took.Round(time.Millisecond), fmt.Sprintf("seed %d", r.Seed))
	for _, state := range slices.Sorted(maps.Keys(r.States)) {
		if !slices.Contains(refund.States, refund.State(state)) {
			row(state, r.States[state], "UNKNOWN STATE")
		}
	}
	return t.Flush()
}
