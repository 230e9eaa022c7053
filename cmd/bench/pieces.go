package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// piecesSettings run the Go benchmarks.
type piecesSettings struct {
	packages []string
	times    int
}

func piecesExperiment() experiment {
	s := &piecesSettings{}
	return experiment{
		name:  "pieces",
		short: "Run the Go benchmarks and list what each piece allocates",
		long: `Run the Go benchmarks, which needs Go and the folder of this module, and list
them. Allocations are exact; times are the machine's.`,
		flags: func(f *pflag.FlagSet) {
			f.StringSliceVar(&s.packages, "packages", []string{"./refund", "./tasks", "./journal", "./ratelimit", "./pause", "./providers/..."}, "whose benchmarks to run")
			f.IntVar(&s.times, "times", 1000, "how often each is run")
		},
		check: func() error { return within("times", s.times, 1, 10_000_000) },
		run:   s.run,
	}
}

type piecesFinding struct {
	Rows []piece `json:"rows"`
}

type piece struct {
	Package     string  `json:"package"`
	Name        string  `json:"name"`
	Nanoseconds float64 `json:"ns_per_op"`
	Bytes       int64   `json:"bytes_per_op"`
	Allocations int64   `json:"allocations_per_op"`
}

func (s *piecesSettings) run(ctx context.Context, l *lab) (finding, error) {
	l.say("running the Go benchmarks")
	args := append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", fmt.Sprintf("%dx", s.times)}, s.packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	said := &tail{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s, for which bench has to run in its module: %w: %s%s", strings.Join(args, " "), err, said, out)
	}
	return &piecesFinding{piecesIn(out)}, nil
}

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op.*?\s(\d+) B/op\s+(\d+) allocs/op`)

// piecesIn reads what go test printed.
func piecesIn(out []byte) []piece {
	var list []piece
	in := ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "pkg: "); ok {
			in = name[strings.LastIndexByte(name, '/')+1:]
		}
		m := benchmarkLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		p := piece{Package: in, Name: m[1]}
		p.Nanoseconds, _ = strconv.ParseFloat(m[2], 64) // digits, as the pattern says
		p.Bytes, _ = strconv.ParseInt(m[3], 10, 64)
		p.Allocations, _ = strconv.ParseInt(m[4], 10, 64)
		list = append(list, p)
	}
	return list
}

func (f *piecesFinding) sheets() []sheet {
	t := sheet{title: "Go benchmarks", columns: []string{"PACKAGE", "PIECE", "µs", "BYTES", "ALLOCATIONS"}}
	for _, p := range f.Rows {
		t.row(p.Package, p.Name, fmt.Sprintf("%.1f", p.Nanoseconds/1000), fmt.Sprint(p.Bytes), fmt.Sprint(p.Allocations))
	}
	return []sheet{t}
}
