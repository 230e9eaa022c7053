package web

import (
	"fmt"
	"math/bits"

	"refundworker/refund"
	"refundworker/tally"
)

// The size of a chart in its own units, and how many minutes share a column.
const (
	chartWidth  = 300
	chartHeight = 60
	columnOf    = 2
	columnWide  = chartWidth / (tally.Minutes / columnOf)
	columnGap   = 2
)

// chart is a picture of the last hour, drawn by the templates as SVG.
type chart struct {
	Columns []bar
	Lines   []line
	Says    string // all of it in words, for who does not see it
}

type bar struct {
	X, Y, Width, Height int
	Kind                string // a class of the style sheet
	Says                string
}

type line struct {
	Y    int
	Says string
}

// settledChart stacks what came of the refunds of each two minutes.
func settledChart(hour *tally.Hour) chart {
	kinds := []refund.State{refund.Succeeded, refund.Declined, refund.Review}
	most := int64(1)
	var columns []tally.Minute
	for from := 0; from < tally.Minutes; from += columnOf {
		m := hour.Sum(from, from+columnOf)
		columns = append(columns, m)
		most = max(most, m.Settled[refund.Succeeded]+m.Settled[refund.Declined]+m.Settled[refund.Review])
	}
	var c chart
	for i, m := range columns {
		foot := chartHeight
		for _, state := range kinds {
			n := m.Settled[state]
			if n == 0 {
				continue
			}
			height := max(int(n*(chartHeight-4)/most), 2)
			foot -= height
			c.Columns = append(c.Columns, bar{X: i * columnWide, Y: foot, Width: columnWide - columnGap, Height: height,
				Kind: string(state), Says: fmt.Sprintf("%d to %d min ago: %d %s", tally.Minutes-(i+1)*columnOf, tally.Minutes-i*columnOf, n, words[state])})
		}
	}
	sum := hour.Sum(0, tally.Minutes)
	c.Says = fmt.Sprintf("Settled in the last hour, by two minutes: %d succeeded, %d declined, %d gone to review; at most %d in two minutes.",
		sum.Settled[refund.Succeeded], sum.Settled[refund.Declined], sum.Settled[refund.Review], most)
	if len(c.Columns) == 0 {
		c.Says = "Nothing settled in the last hour."
	}
	return c
}

// The settle times that a chart has room for, in powers of two of milliseconds:
// from 64 ms to about nine hours.
const (
	fastest = 6
	slowest = 25
)

// tookChart shows within which time half of the refunds of each two minutes
// settled. Its scale is of powers of two, as the tally's.
func tookChart(hour *tally.Hour) chart {
	var c chart
	for _, at := range []struct {
		ms   uint64
		says string
	}{{1000, "1 s"}, {60_000, "1 min"}, {3_600_000, "1 h"}} {
		c.Lines = append(c.Lines, line{chartHeight - tall(bits.Len64(at.ms)), at.says})
	}
	for i := range tally.Minutes / columnOf {
		sum := hour.Sum(i*columnOf, (i+1)*columnOf)
		half := sum.Took.Within(50)
		if half == 0 {
			continue
		}
		height := tall(bits.Len64(uint64(half)) - 1)
		c.Columns = append(c.Columns, bar{X: i * columnWide, Y: chartHeight - height, Width: columnWide - columnGap, Height: height, Kind: "took",
			Says: fmt.Sprintf("%d to %d min ago: half within %s", tally.Minutes-(i+1)*columnOf, tally.Minutes-i*columnOf, within(half))})
	}
	c.Says = "No refund settled in the last hour."
	sum := hour.Sum(0, tally.Minutes)
	if half := sum.Took.Within(50); half > 0 {
		c.Says = fmt.Sprintf("Time from taken in to settled over the last hour: half within %s, 95 %% within %s.", within(half), within(sum.Took.Within(95)))
	}
	return c
}

// tall is how high a column for a time of less than 2^n ms is.
func tall(n int) int {
	n = min(max(n, fastest), slowest)
	return 2 + (n-fastest)*(chartHeight-4)/(slowest-fastest)
}
