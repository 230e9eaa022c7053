package batch_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"refundworker/batch"
	"refundworker/refund"
)

// What goes to disk is counted as it is in memory, whatever is in which run.
func TestOccurrencesOnDiskCountAsInMemory(t *testing.T) {
	for _, c := range []struct{ most, different, rows int }{{1, 1, 5}, {1, 40, 300}, {3, 20, 500}, {7, 2000, 6000}, {100, 700, 6000}, {128, 100_000, 20_000}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			rng := rand.New(rand.NewPCG(1, uint64(c.most)))
			inMemory := &batch.Naming{}
			onDisk, files := batch.Counting(c.most)
			most := 0
			for i := range c.rows {
				o := refund.Order{Provider: "u", PaymentID: fmt.Sprint(rng.IntN(c.different)), Full: true}
				if got, want := name(t, onDisk, o), name(t, inMemory, o); got != want {
					t.Fatalf("row %d, payment %s: %s, want %s", i, o.PaymentID, got, want)
				}
				most = max(most, files())
			}
			if longest := 2 + len(fmt.Sprintf("%b", c.rows/c.most)); most == 0 || most > longest {
				t.Errorf("there were up to %d files, want 1 to %d", most, longest)
			}
			if err := onDisk.Close(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}

func TestRowsThatCannotBeCountedAreAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", missing)
	t.Setenv("TMP", missing) // on Windows
	n, _ := batch.Counting(2)
	name(t, n, refund.Order{PaymentID: "1"})
	if id, err := n.ID(refund.Order{PaymentID: "2"}); err == nil || id != "" || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("%q, %v", id, err)
	}
}

// The memory does not grow with the file.
func TestCountingTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("names a million rows")
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	t.Setenv("TMPDIR", t.TempDir())
	var n batch.Naming
	before, most := heap(), int64(0)
	for i := range 1_000_000 {
		name(t, &n, refund.Order{Provider: "u", PaymentID: fmt.Sprint(i), Full: true})
		if i%60_000 == 0 {
			most = max(most, heap()-before)
		}
	}
	if most > 16<<20 {
		t.Errorf("the heap grew by %d bytes", most)
	}
	var other batch.Naming
	first := refund.Order{Provider: "u", PaymentID: "0", Full: true}
	name(t, &other, first)
	if got, want := name(t, &n, first), name(t, &other, first); got != want {
		t.Errorf("the repeat of the first row is named %s, want %s", got, want)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
