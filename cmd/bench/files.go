package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// filesSettings measure enqueue batch.
type filesSettings struct {
	rows        []int
	appendfsync string
}

func enqueueExperiment() experiment {
	s := &filesSettings{}
	return experiment{
		name:  "enqueue",
		short: "Measure enqueue batch by the length of the file",
		long: `Build cmd/enqueue, which needs Go and the folder of this module, and load CSV
files with it into an empty Redis: rows per second, what a row costs, and the most
memory that the process ever had.`,
		flags: func(f *pflag.FlagSet) {
			f.IntSliceVar(&s.rows, "rows", []int{1000, 10_000, 100_000}, "rows of the file")
			f.StringVar(&s.appendfsync, "appendfsync", fsyncOff, "as for bench itself")
		},
		check: func() error {
			return firstOf(eachWithin("rows", s.rows, 1, maxRefunds), oneOf("appendfsync", s.appendfsync, fsyncs))
		},
		run: s.run,
	}
}

type filesFinding struct {
	Store string     `json:"store"`
	Rows  []filesRow `json:"rows"`
}

type filesRow struct {
	Length    int     `json:"length"`
	PerSecond float64 `json:"rows_per_second"` // the process's start included
	Enqueue   cost    `json:"cpu_enqueue"`     // of a row
	Redis     cost    `json:"cpu_redis"`
	Commands  float64 `json:"redis_commands"`
	Memory    int64   `json:"peak_memory_bytes"`
}

func (s *filesSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: 1, concurrency: 32}, s.appendfsync)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "refund-bench-")
	if err != nil {
		return nil, err
	}
	l.ends = append(l.ends, func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "enqueue")
	l.say("building cmd/enqueue")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "refundworker/cmd/enqueue").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build cmd/enqueue, for which bench has to run in its module: %w: %s", err, out)
	}
	config := filepath.Join(dir, "refunds.yaml")
	if err := os.WriteFile(config, []byte(b.setup(path{}, b.provider).yaml()), 0o600); err != nil {
		return nil, err
	}
	found := &filesFinding{Store: b.store.label}
	for _, n := range s.rows {
		l.say("%d rows", n)
		row, err := b.load(ctx, program, config, filepath.Join(dir, "refunds.csv"), n)
		if err != nil {
			return nil, fmt.Errorf("%d rows: %w", n, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

// load has the program take in a file of so many rows.
func (b *bench) load(ctx context.Context, program, config, file string, rows int) (filesRow, error) {
	row := filesRow{Length: rows}
	if err := b.writeRows(file, rows); err != nil {
		return row, err
	}
	if err := b.store.empty(ctx); err != nil {
		return row, err
	}
	before, err := b.store.gauge(ctx)
	if err != nil {
		return row, err
	}
	cmd := exec.CommandContext(ctx, program, "batch", file, "--config", config, "-o", "json")
	said := &tail{}
	cmd.Stderr = said
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return row, fmt.Errorf("enqueue batch: %w: %s", err, said)
	}
	after, err := b.store.gauge(ctx)
	if err != nil {
		return row, err
	}
	var sum struct {
		Queued int `json:"queued"`
	}
	if err := json.Unmarshal(out, &sum); err != nil || sum.Queued != rows {
		return row, errors.Join(fmt.Errorf("enqueue batch queued %d of them: %s", sum.Queued, out), err)
	}
	row.PerSecond = float64(rows) / took.Seconds()
	row.Enqueue = cpu{cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()}.per(rows)
	row.Redis = after.cpu.since(before.cpu).per(rows)
	row.Commands = float64(after.commands-before.commands-1) / float64(rows)
	row.Memory = peakMemory(cmd.ProcessState)
	return row, nil
}

// writeRows writes a refund of a payment of its own in each row, without ids, as
// order systems do.
func (b *bench) writeRows(file string, rows int) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "provider,payment_id,amount,currency,reason")
	for n := range int64(rows) {
		o := order(b.provider, n)
		fmt.Fprintf(w, "%s,%s,%s,%s,%s\n", o.Provider, o.PaymentID, o.Amount, o.Currency, o.Reason)
	}
	return w.Flush()
}

func (f *filesFinding) sheets() []sheet {
	t := sheet{title: "enqueue batch, per row (" + f.Store + ")", columns: []string{"ROWS", "ROWS/S", "CPU µs ENQUEUE", "REDIS", "COMMANDS", "PEAK MEMORY"}}
	for _, r := range f.Rows {
		t.row(fmt.Sprint(r.Length), fmt.Sprintf("%.0f", r.PerSecond), r.Enqueue.String(), r.Redis.String(), fmt.Sprintf("%.1f", r.Commands), mebibytes(float64(r.Memory)))
	}
	return []sheet{t}
}
