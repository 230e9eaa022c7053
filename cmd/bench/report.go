package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"refundworker/internal/cli"
)

// report is all that bench found out.
type report struct {
	Machine  machine `json:"machine"`
	Provider string  `json:"provider"`
	Refunds  int     `json:"refunds"`
	Rounds   int     `json:"rounds"`
	Rows     []*row  `json:"rows"`
	Trace    *trace  `json:"trace,omitempty"`
	profiled bool
}

func newReport(s settings) *report {
	return &report{Machine: thisMachine(), Provider: s.provider, Refunds: s.refunds, Rounds: s.rounds}
}

// row is one path on one Redis.
type row struct {
	Store   string        `json:"store"`
	Latency time.Duration `json:"provider_latency_ns"`
	AtOnce  int           `json:"concurrency"`
	Path    string        `json:"path"`
	Median  sample        `json:"median"` // figure by figure
	Ratio   spread        `json:"ratio"`  // refunds per second to those of bare asynq in the same round
	Enqueue spread        `json:"enqueue_ratio"`
	Samples []sample      `json:"samples"`
	ratios  []float64
	fills   []float64
}

// spread is the median of a ratio and its extremes.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func (r *report) row(store string, latency time.Duration, atOnce int, path string) *row {
	added := &row{Store: store, Latency: latency, AtOnce: atOnce, Path: path}
	r.Rows = append(r.Rows, added)
	return added
}

// add takes a round in, with the round of bare asynq that it is compared to.
func (r *row) add(s, bare sample) {
	r.Samples = append(r.Samples, s)
	r.ratios = append(r.ratios, s.PerSecond/bare.PerSecond)
	r.fills = append(r.fills, s.EnqueuePerSecond/bare.EnqueuePerSecond)
	r.Ratio, r.Enqueue = spreadOf(r.ratios), spreadOf(r.fills)
	of := func(figure func(sample) float64) float64 { return medianOf(r.Samples, figure) }
	costOf := func(figure func(sample) cost) cost { return medianCost(r.Samples, figure) }
	r.Median = sample{
		PerSecond:        of(func(s sample) float64 { return s.PerSecond }),
		Trips:            of(func(s sample) float64 { return s.Trips }),
		Commands:         of(func(s sample) float64 { return s.Commands }),
		BytesIn:          of(func(s sample) float64 { return s.BytesIn }),
		BytesOut:         of(func(s sample) float64 { return s.BytesOut }),
		WaitingBytes:     of(func(s sample) float64 { return s.WaitingBytes }),
		SettledBytes:     of(func(s sample) float64 { return s.SettledBytes }),
		EnqueuePerSecond: of(func(s sample) float64 { return s.EnqueuePerSecond }),
		EnqueueTrips:     of(func(s sample) float64 { return s.EnqueueTrips }),
		Worker:           costOf(func(s sample) cost { return s.Worker }),
		Redis:            costOf(func(s sample) cost { return s.Redis }),
		Provider:         costOf(func(s sample) cost { return s.Provider }),
		Moved:            s.Moved,
	}
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// medianOf is the median of one figure.
func medianOf[T any](of []T, figure func(T) float64) float64 {
	var all []float64
	for _, one := range of {
		all = append(all, figure(one))
	}
	return median(all)
}

func medianCost[T any](of []T, figure func(T) cost) cost {
	return cost{medianOf(of, func(one T) float64 { return figure(one).User }), medianOf(of, func(one T) float64 { return figure(one).System })}
}

func spreadOf(ratios []float64) spread {
	return spread{Median: median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max) }

// print writes the tables for people.
func (r *report) print(out io.Writer, format cli.Format) error {
	if _, err := fmt.Fprintf(out, "%s; %s, %d refunds a round, median of %d rounds\n",
		r.Machine, r.Provider, r.Refunds, r.Rounds); err != nil {
		return err
	}
	return writeSheets(out, format, r.sheets())
}

func (r *report) sheets() []sheet {
	settling := sheet{title: "Settling, per refund", columns: []string{"REDIS", "PROVIDER", "AT ONCE", "PATH", "REFUNDS/S", "RATIO (MIN–MAX)",
		"CPU µs WORKER", "REDIS", "PROVIDER", "ALL", "TRIPS", "COMMANDS", "BYTES IN", "OUT"}}
	enqueueing := sheet{title: "Enqueueing, and memory per refund", columns: []string{"REDIS", "PROVIDER", "AT ONCE", "PATH", "ENQUEUE/S", "RATIO (MIN–MAX)", "TRIPS", "WAITING", "SETTLED"}}
	for _, row := range r.Rows {
		m, begin := row.Median, []string{row.Store, row.Latency.String(), fmt.Sprint(row.AtOnce), row.Path}
		settling.row(append(begin, fmt.Sprintf("%.0f", m.PerSecond), row.Ratio.String(), m.Worker.String(), m.Redis.String(), m.Provider.String(), fmt.Sprintf("%.0f", m.Worker.sum()+m.Redis.sum()+m.Provider.sum()),
			fmt.Sprintf("%.2f", m.Trips), fmt.Sprintf("%.1f", m.Commands), fmt.Sprintf("%.0f", m.BytesIn), fmt.Sprintf("%.0f", m.BytesOut))...)
		enqueueing.row(append(begin, fmt.Sprintf("%.0f", m.EnqueuePerSecond), row.Enqueue.String(), fmt.Sprintf("%.2f", m.EnqueueTrips),
			fmt.Sprintf("%.0f B", m.WaitingBytes), fmt.Sprintf("%.0f B", m.SettledBytes))...)
	}
	list := []sheet{settling, enqueueing}
	if r.Trace == nil {
		return list
	}
	requests := sheet{title: "Requests to Redis per refund, one by one (" + r.Trace.Path + ")", columns: []string{"PHASE", "PER REFUND", "WHAT"}}
	for _, q := range r.Trace.Requests {
		requests.row(q.Phase, fmt.Sprintf("%.2f", q.PerRefund), q.What)
	}
	memory := sheet{title: "Redis memory per settled refund, by key (" + r.Trace.Path + ")", columns: []string{"KEYS", "KEYS PER REFUND", "BYTES PER REFUND"}}
	for _, h := range r.Trace.Memory {
		memory.row(h.Keys, fmt.Sprintf("%.2f", h.Count), fmt.Sprintf("%.0f", h.Bytes))
	}
	return append(list, requests, memory)
}
