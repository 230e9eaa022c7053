package batch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxCells bounds what is kept of a row; further cells are only counted.
const maxCells = 64

// scanner splits CSV into records (RFC 4180, with LF or CRLF). encoding/csv
// has no limits: a quote that is never closed would bring the whole file into
// memory.
type scanner struct {
	in    *bufio.Reader
	comma byte
	line  int    // of the next byte
	cell  []byte // the one that is being read
	raw   []byte // the record as it is written, as far as one cell could hold it
}

// record is one row of cells.
type record struct {
	line  int
	cells []string
	count int    // of all cells, also those that were not kept
	fault string // the first thing that is wrong with how it is written
}

// blank reports whether no cell holds anything.
func (r *record) blank() bool {
	for _, c := range r.cells {
		if c != "" {
			return false
		}
	}
	return r.fault == "" && r.count <= len(r.cells)
}

func (r *record) wrong(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

// The places within a record where the scanner can be.
const (
	atStart    = iota // of a cell
	inBare            // an unquoted cell
	inQuotes          //
	afterQuote        // a quote inside of quotes: the closing one, or the first of two
	lost              // the quoting is broken: the line's rest is skipped
)

// next returns the next record; io.EOF after the last.
func (s *scanner) next() (record, error) {
	rec := record{line: s.line}
	s.cell, s.raw = s.cell[:0], s.raw[:0]
	place, size, opened := atStart, 0, 0
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			if size == 0 {
				return rec, io.EOF
			}
			if place == inQuotes {
				rec.wrong("a quote that is opened on line %d is never closed; all that follows was read as its cell", opened)
			}
			s.endCell(&rec)
			return rec, nil
		}
		if err != nil {
			return rec, err
		}
		size++
		if len(s.raw) < MaxCell {
			s.raw = append(s.raw, b)
		}
		if size > MaxLine && rec.fault == "" {
			rec.wrong("is longer than 1 MiB%s", missingQuote(place, opened))
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
			s.keep(&rec, b, place, opened)
		case place == afterQuote && b == '"':
			s.keep(&rec, b, place, opened)
			place = inQuotes
		case b == '\n':
			s.endCell(&rec)
			return rec, nil
		case place == lost:
		case b == s.comma:
			s.endCell(&rec)
			place = atStart
		case place == atStart && b == '"':
			place, opened = inQuotes, s.line
		case place == afterQuote:
			rec.wrong("text follows a closing quote; a quote inside of a quoted cell is written twice")
			place = lost
		case b == '"':
			rec.wrong("a quote stands inside of an unquoted cell; put the whole cell in quotes and write its quotes twice")
			place = lost
		default:
			s.keep(&rec, b, place, opened)
			place = inBare
		}
	}
}

func (s *scanner) keep(rec *record, b byte, place, opened int) {
	if len(s.cell) == MaxCell {
		if rec.fault == "" {
			rec.wrong("cell %d is longer than 64 KiB%s", rec.count+1, missingQuote(place, opened))
		}
		return
	}
	if b == 0 {
		rec.wrong("cell %d holds a NUL byte", rec.count+1)
	}
	s.cell = append(s.cell, b)
}

func (s *scanner) endCell(rec *record) {
	rec.count++
	if !utf8.Valid(s.cell) && len(s.cell) < MaxCell {
		rec.wrong("cell %d is not UTF-8; save the file as UTF-8", rec.count)
	}
	if len(rec.cells) < maxCells {
		rec.cells = append(rec.cells, string(s.cell))
	}
	s.cell = s.cell[:0]
}

func missingQuote(place, opened int) string {
	if place == inQuotes {
		return fmt.Sprintf("; is the quote that is opened on line %d ever closed?", opened)
	}
	return ""
}
