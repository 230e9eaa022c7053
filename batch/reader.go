package batch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"refundworker/internal/delimited"
	"refundworker/refund"
)

// The limits of a file's parts, in bytes.
const (
	MaxLine = delimited.MaxLine // a CSV row, over all its lines, or a line of JSON
	MaxCell = delimited.MaxCell // a CSV cell
)

// Format is what a file is written in.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl"
)

// Row is one refund of a file.
type Row struct {
	Line    int            // where it begins, from 1
	Request refund.Request // as far as it could be read
	Faults  refund.Invalid // what is wrong with the row as it is written; the request is not checked yet

	cells []string // of a CSV row that has the header's columns
	text  string   // of any other row, as it is written
}

// Reader reads the rows of one file.
type Reader struct {
	Format Format

	name   string
	in     *counter
	bom    bool
	next   func() (Row, error)
	header *header // nil for JSON Lines
}

// FileError says why a file as a whole can't be read.
type FileError struct {
	File string
	Line int // 0: no line is meant
	Rule string
}

// Error returns "FILE:LINE: rule".
func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Rule
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Rule)
}

// NewReader starts to read a file. The name is for messages, and where it ends
// in .csv, .jsonl or .ndjson it says the format; otherwise a file that begins
// with { is JSON Lines. The error is a *FileError or one of reading.
func NewReader(name string, r io.Reader) (*Reader, error) {
	reader := &Reader{name: name, in: &counter{r: r}}
	in := bufio.NewReaderSize(reader.in, 64<<10)
	line, err := reader.begin(in)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		reader.Format = CSV
	case ".jsonl", ".ndjson":
		reader.Format = JSONL
	default:
		reader.Format = CSV
		if first, err := in.Peek(1); err == nil && first[0] == '{' {
			reader.Format = JSONL
		}
	}
	if reader.Format == JSONL {
		reader.next = (&jsonLines{in: in, line: line}).next
		return reader, nil
	}
	table, err := newTable(name, in, line)
	if err != nil {
		return nil, err
	}
	reader.header = table.header
	reader.next = table.next
	return reader, nil
}

// Next returns the next row, and io.EOF after the last one.
func (r *Reader) Next() (Row, error) {
	row, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read %s: %w", r.name, err)
	}
	return row, err
}

// Consumed is how many bytes were read so far, for showing progress. Unlike
// the other methods it may be called by another goroutine.
func (r *Reader) Consumed() int64 { return r.in.n.Load() }

// begin skips the byte order mark and blank lines, and returns the number of
// the first line that holds something.
func (r *Reader) begin(in *bufio.Reader) (line int, err error) {
	r.bom, line, err = delimited.Start(in)
	switch {
	case errors.Is(err, delimited.ErrUTF16):
		return 0, &FileError{r.name, 1, err.Error()}
	case errors.Is(err, delimited.ErrEmpty):
		return 0, &FileError{r.name, 0, "is empty; a CSV file needs a header row with at least " + strings.Join(required, ", ")}
	case err != nil:
		return 0, fmt.Errorf("read %s: %w", r.name, err)
	}
	return line, nil
}
