package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// report is all that bench found out.
type report struct {
	At          time.Time `json:"at"`
	Go          string    `json:"go"`
	Platform    string    `json:"platform"`
	Cores       int       `json:"cores"`
	Redis       string    `json:"redis"`
	Provider    string    `json:"provider"`
	Refunds     int       `json:"refunds"`
	Rounds      int       `json:"rounds"`
	Concurrency int       `json:"concurrency"`
	Rows        []*row    `json:"rows"`
	Trace       *trace    `json:"trace,omitempty"`
}

func newReport(s settings) *report {
	return &report{At: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Cores: runtime.NumCPU(), Provider: s.provider, Refunds: s.refunds, Rounds: s.rounds, Concurrency: s.concurrency}
}

// row is one path on one Redis.
type row struct {
	Store   string   `json:"store"`
	Path    string   `json:"path"`
	Median  sample   `json:"median"` // figure by figure
	Ratio   spread   `json:"ratio"`  // refunds per second to those of bare asynq in the same round
	Enqueue spread   `json:"enqueue_ratio"`
	Samples []sample `json:"samples"`
	ratios  []float64
	fills   []float64
}

// spread is the median of a ratio and its extremes.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func (r *report) row(store, path string) *row {
	added := &row{Store: store, Path: path}
	r.Rows = append(r.Rows, added)
	return added
}

// add takes a round in, with the round of bare asynq that it is compared to.
func (r *row) add(s, bare sample) {
	r.Samples = append(r.Samples, s)
	r.ratios = append(r.ratios, s.PerSecond/bare.PerSecond)
	r.fills = append(r.fills, s.EnqueuePerSecond/bare.EnqueuePerSecond)
	r.Ratio, r.Enqueue = spreadOf(r.ratios), spreadOf(r.fills)
	of := func(figure func(sample) float64) float64 {
		var all []float64
		for _, s := range r.Samples {
			all = append(all, figure(s))
		}
		return median(all)
	}
	r.Median = sample{
		PerSecond:        of(func(s sample) float64 { return s.PerSecond }),
		OurTrips:         of(func(s sample) float64 { return s.OurTrips }),
		QueueTrips:       of(func(s sample) float64 { return s.QueueTrips }),
		Commands:         of(func(s sample) float64 { return s.Commands }),
		BytesIn:          of(func(s sample) float64 { return s.BytesIn }),
		BytesOut:         of(func(s sample) float64 { return s.BytesOut }),
		WaitingBytes:     of(func(s sample) float64 { return s.WaitingBytes }),
		SettledBytes:     of(func(s sample) float64 { return s.SettledBytes }),
		EnqueuePerSecond: of(func(s sample) float64 { return s.EnqueuePerSecond }),
		EnqueueTrips:     of(func(s sample) float64 { return s.EnqueueTrips }),
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

func spreadOf(ratios []float64) spread {
	return spread{Median: median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max) }

// print writes the tables for people.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s %s, %d cores, Redis %s; %s, %d refunds a round, %d at once, median of %d rounds\n\n",
		r.At.Format(time.DateOnly), r.Go, r.Platform, r.Cores, cmp.Or(r.Redis, "?"), r.Provider, r.Refunds, r.Concurrency, r.Rounds)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REDIS\tPATH\tREFUNDS/S\tRATIO (MIN–MAX)\tTRIPS OURS+ASYNQ\tCOMMANDS\tBYTES IN\tOUT\tWAITING\tSETTLED\tENQUEUE/S\tRATIO\tTRIPS")
	for _, row := range r.Rows {
		m := row.Median
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%s\t%.2f+%.2f\t%.1f\t%.0f\t%.0f\t%.0f B\t%.0f B\t%.0f\t%.2f\t%.2f\n", row.Store, row.Path, m.PerSecond, row.Ratio,
			m.OurTrips, m.QueueTrips, m.Commands, m.BytesIn, m.BytesOut, m.WaitingBytes, m.SettledBytes, m.EnqueuePerSecond, row.Enqueue.Median, m.EnqueueTrips)
	}
	if err := t.Flush(); err != nil || r.Trace == nil {
		return err
	}
	fmt.Fprintf(out, "\nRequests to Redis per refund, one by one (%s):\n", r.Trace.Path)
	fmt.Fprintln(t, "PHASE\tPER REFUND\tWHAT")
	for _, q := range r.Trace.Requests {
		fmt.Fprintf(t, "%s\t%.2f\t%s\n", q.Phase, q.PerRefund, q.What)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nRedis memory per settled refund, by key (%s):\n", r.Trace.Path)
	fmt.Fprintln(t, "KEYS\tKEYS PER REFUND\tBYTES PER REFUND")
	for _, h := range r.Trace.Memory {
		fmt.Fprintf(t, "%s\t%.2f\t%.0f\n", h.Keys, h.Count, h.Bytes)
	}
	return t.Flush()
}
