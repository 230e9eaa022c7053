package batch_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"refundworker/batch"
)

// endless gives size bytes made of a head and a part that is repeated, and
// notes the largest heap that it sees meanwhile.
type endless struct {
	head, part string
	given      int
	looked     int
	heap       uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.given >= size {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		from := e.head
		at := e.given
		if at >= len(e.head) {
			from, at = e.part, (at-len(e.head))%len(e.part)
		}
		c := copy(p[n:], from[at:])
		n, e.given = n+c, e.given+c
	}
	if e.given-e.looked > size/20 {
		e.looked = e.given
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		e.heap = max(e.heap, m.HeapAlloc)
	}
	return n, nil
}

func TestMemoryStaysFlatOver100MB(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 100 MB several times")
	}
	const row = "u,1,2.00,RUB,some reason that is given for a refund\n"
	for name, c := range map[string]struct {
		file string
		in   *endless
		rows int
	}{
		"rows":                             {"f.csv", &endless{head: head, part: strings.Repeat(row, 100)}, size / len(row)},
		"a quote that is never closed":     {"f.csv", &endless{head: head + "u,1,2.00,RUB,\"", part: row}, 1},
		"one line":                         {"f.csv", &endless{head: head, part: "aaaaaaaa"}, 1},
		"one line of nothing but commas":   {"f.csv", &endless{head: head, part: ",,,,,,,,"}, 1},
		"one line of JSON that never ends": {"f.jsonl", &endless{head: "{", part: `"a":"aaaaaaaa",`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			r, err := batch.NewReader(c.file, c.in)
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for {
				_, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				rows++
			}
			if rows < c.rows {
				t.Errorf("%d rows were read, want at least %d", rows, c.rows)
			}
			if grown := int64(c.in.heap) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("the heap grew by %d bytes over %d", grown, c.in.given)
			}
			if c.in.heap == 0 || r.Consumed() < size {
				t.Errorf("only %d bytes were read", r.Consumed())
			}
		})
	}
}
