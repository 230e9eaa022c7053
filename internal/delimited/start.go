package delimited

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Why a file has no rows.
var (
	ErrUTF16 = errors.New("is UTF-16; save it as UTF-8")
	ErrEmpty = errors.New("is empty")
)

// Start skips the byte order mark and blank lines, and returns whether there was
// a mark and the number of the first line that holds something.
func Start(in *bufio.Reader) (bom bool, line int, err error) {
	start, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, 0, err
	}
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return false, 1, ErrUTF16
	case bytes.HasPrefix(start, []byte{0xef, 0xbb, 0xbf}):
		bom = true
		if _, err := in.Discard(3); err != nil {
			return bom, 0, err
		}
	}
	for line := 1; ; {
		b, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return bom, 0, ErrEmpty
		case err != nil:
			return bom, 0, err
		case b == '\n':
			line++
		case b != ' ' && b != '\t' && b != '\r':
			return bom, line, in.UnreadByte()
		}
	}
}

// Delimiter looks whether the next row is written with semicolons, as
// spreadsheets do where the comma is the decimal sign.
func Delimiter(in *bufio.Reader) byte {
	// More bytes than a header can have. A short file is no error here.
	start, _ := in.Peek(4096)
	first, _, _ := bytes.Cut(start, []byte{'\n'})
	if bytes.Count(first, []byte{';'}) > bytes.Count(first, []byte{','}) {
		return ';'
	}
	return ','
}
