package batch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// A run is written in blocks, of which the first content of each is in memory: a
// content is found by reading one block.
const (
	countBytes = len(content{}) + 4
	perBlock   = 128
)

// count is how often a content came.
type count struct {
	content content
	n       uint32
}

// run is a sorted list of counts in a temporary file.
type run struct {
	file   *os.File
	left   bool // the file's name is still there
	length int
	first  []content // of each block
	block  []byte    // the last one that was read
}

// runWriter writes a run, whose counts come in order.
type runWriter struct {
	run *run
	out *bufio.Writer // keeps the first error until it is flushed
}

func newRun() (*runWriter, error) {
	file, err := os.CreateTemp("", "refund-rows-*")
	if err != nil {
		return nil, err
	}
	// Where a file that is open can lose its name, not even a crash leaves it behind.
	r := &run{file: file, left: os.Remove(file.Name()) != nil, block: make([]byte, perBlock*countBytes)}
	return &runWriter{r, bufio.NewWriterSize(file, 64<<10)}, nil
}

func (w *runWriter) add(c count) {
	if w.run.length%perBlock == 0 {
		w.run.first = append(w.run.first, c.content)
	}
	w.run.length++
	_, _ = w.out.Write(binary.BigEndian.AppendUint32(append(w.out.AvailableBuffer(), c.content[:]...), c.n))
}

func (w *runWriter) end() (*run, error) {
	if err := w.out.Flush(); err != nil {
		return nil, errors.Join(err, w.run.close())
	}
	return w.run, nil
}

// find looks for a content.
func (r *run) find(c content) (n uint32, there bool, err error) {
	i, first := slices.BinarySearchFunc(r.first, c, func(a, b content) int { return bytes.Compare(a[:], b[:]) })
	if !first {
		i--
	}
	if i < 0 {
		return 0, false, nil
	}
	size := min(perBlock, r.length-i*perBlock)
	block := r.block[:size*countBytes]
	if _, err := r.file.ReadAt(block, int64(i*perBlock*countBytes)); err != nil {
		return 0, false, err
	}
	for from, to := 0, size; from < to; {
		middle := (from + to) / 2
		at := read(block[middle*countBytes:])
		switch order := bytes.Compare(at.content[:], c[:]); {
		case order == 0:
			return at.n, true, nil
		case order < 0:
			from = middle + 1
		default:
			to = middle
		}
	}
	return 0, false, nil
}

func (r *run) close() error {
	err := r.file.Close()
	if r.left {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}

// merge makes one run of two. Where both count a content, the newer one knows better.
func merge(older, newer *run) (*run, error) {
	w, err := newRun()
	if err != nil {
		return nil, err
	}
	a, b := older.reader(), newer.reader()
	for a.there || b.there {
		order := -1
		if !a.there {
			order = 1
		} else if b.there {
			order = bytes.Compare(a.count.content[:], b.count.content[:])
		}
		if order < 0 {
			w.add(a.count)
		} else {
			w.add(b.count)
		}
		if order <= 0 {
			a.next()
		}
		if order >= 0 {
			b.next()
		}
	}
	if err := errors.Join(a.err, b.err); err != nil {
		return nil, errors.Join(err, w.run.close())
	}
	return w.end()
}

// runReader reads a run from its beginning.
type runReader struct {
	in    *bufio.Reader
	count count
	there bool // count is one
	err   error
}

func (r *run) reader() *runReader {
	size := int64(r.length * countBytes)
	reader := &runReader{in: bufio.NewReaderSize(io.NewSectionReader(r.file, 0, size), 64<<10)}
	reader.next()
	return reader
}

func (r *runReader) next() {
	var b [countBytes]byte
	_, err := io.ReadFull(r.in, b[:])
	if r.there = err == nil; !r.there {
		if !errors.Is(err, io.EOF) {
			r.err = err
		}
		return
	}
	r.count = read(b[:])
}

func read(b []byte) count {
	return count{content(b), binary.BigEndian.Uint32(b[len(content{}):])}
}
