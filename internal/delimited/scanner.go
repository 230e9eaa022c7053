// Package delimited splits CSV into rows without trusting it: lines and cells
// are limited, what is too long is skipped and reported with its row, and text
// inside of a quoted cell is never taken for a row. It knows nothing of what the
// columns mean.
package delimited

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The limits of a file's parts, in bytes.
const (
	MaxLine = 1 << 20  // a row, over all its lines
	MaxCell = 64 << 10 // a cell
)

// maxCells bounds what is kept of a row; further cells are only counted.
const maxCells = 64

// Scanner splits CSV into rows (RFC 4180, with LF or CRLF). encoding/csv has no
// limits: a quote that is never closed would bring the whole file into memory.
type Scanner struct {
	in    *bufio.Reader
	comma byte
	line  int    // of the next byte
	cell  []byte // the one that is being read
	cells int    // of the last row
	raw   []byte // the row as it is written, as far as one cell could hold it
}

// NewScanner reads rows from in, whose next byte is on the line.
func NewScanner(in *bufio.Reader, comma byte, line int) *Scanner {
	return &Scanner{in: in, comma: comma, line: line}
}

// Raw is the last row as it is written, as far as one cell could hold it, until
// the next one is read.
func (s *Scanner) Raw() string { return string(s.raw) }

// Line is the number of the next line.
func (s *Scanner) Line() int { return s.line }

// Row is one row of cells.
type Row struct {
	Line  int
	Cells []string
	Count int    // of all cells, also those that were not kept
	Fault string // the first thing that is wrong with how it is written
}

// Blank reports whether no cell holds anything.
func (r *Row) Blank() bool {
	for _, c := range r.Cells {
		if c != "" {
			return false
		}
	}
	return r.Fault == "" && r.Count <= len(r.Cells)
}

func (r *Row) wrong(format string, args ...any) {
	if r.Fault == "" {
		r.Fault = fmt.Sprintf(format, args...)
	}
}

// The places within a row where the scanner can be.
const (
	atStart    = iota // of a cell
	inBare            // an unquoted cell
	inQuotes          //
	afterQuote        // a quote inside of quotes: the closing one, or the first of two
	lost              // the quoting is broken: the line's rest is skipped
)

// Next returns the next row; io.EOF after the last.
func (s *Scanner) Next() (Row, error) {
	row := Row{Line: s.line, Cells: make([]string, 0, min(s.cells, maxCells))}
	defer func() { s.cells = row.Count }()
	s.cell, s.raw = s.cell[:0], s.raw[:0]
	place, size, opened := atStart, 0, 0
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			if size == 0 {
				return row, io.EOF
			}
			if place == inQuotes {
				row.wrong("a quote that is opened on line %d is never closed; all that follows was read as its cell", opened)
			}
			s.endCell(&row)
			return row, nil
		}
		if err != nil {
			return row, err
		}
		size++
		if len(s.raw) < MaxCell {
			s.raw = append(s.raw, b)
		}
		if size > MaxLine && row.Fault == "" {
			row.wrong("is longer than 1 MiB%s", missingQuote(place, opened))
		}
		if b == '\n' {
			s.line++
		}
		if b == '\r' {
			following, err := s.in.Peek(1)
			if errors.Is(err, io.EOF) || err == nil && following[0] == '\n' {
				continue
			}
		}
		switch {
		case place == inQuotes && b == '"':
			place = afterQuote
		case place == inQuotes:
			s.keep(&row, b, place, opened)
		case place == afterQuote && b == '"':
			s.keep(&row, b, place, opened)
			place = inQuotes
		case b == '\n':
			s.endCell(&row)
			return row, nil
		case place == lost:
		case b == s.comma:
			s.endCell(&row)
			place = atStart
		case place == atStart && b == '"':
			place, opened = inQuotes, s.line
		case place == afterQuote:
			row.wrong("text follows a closing quote; a quote inside of a quoted cell is written twice")
			place = lost
		case b == '"':
			row.wrong("a quote stands inside of an unquoted cell; put the whole cell in quotes and write its quotes twice")
			place = lost
		default:
			s.keep(&row, b, place, opened)
			place = inBare
		}
	}
}

func (s *Scanner) keep(row *Row, b byte, place, opened int) {
	if len(s.cell) == MaxCell {
		if row.Fault == "" {
			row.wrong("cell %d is longer than 64 KiB%s", row.Count+1, missingQuote(place, opened))
		}
		return
	}
	if b == 0 {
		row.wrong("cell %d holds a NUL byte", row.Count+1)
	}
	s.cell = append(s.cell, b)
}

func (s *Scanner) endCell(row *Row) {
	row.Count++
	if !utf8.Valid(s.cell) && len(s.cell) < MaxCell {
		row.wrong("cell %d is not UTF-8; save the file as UTF-8", row.Count)
	}
	if len(row.Cells) < maxCells {
		row.Cells = append(row.Cells, string(s.cell))
	}
	s.cell = s.cell[:0]
}

func missingQuote(place, opened int) string {
	if place == inQuotes {
		return fmt.Sprintf("; is the quote that is opened on line %d ever closed?", opened)
	}
	return ""
}
