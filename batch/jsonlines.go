package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"refundworker/refund"
)

// jsonLines reads one JSON object a line.
type jsonLines struct {
	in   *bufio.Reader
	line int // of the next byte
}

// next returns the next line that holds anything.
func (j *jsonLines) next() (Row, error) {
	for {
		line, number, long, err := j.read()
		if err != nil {
			return Row{}, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		row := Row{Line: number, text: string(line)}
		if long {
			row.text = ""
			row.Faults.Add("row", "is longer than 1 MiB")
			return row, nil
		}
		row.Request, err = decodeLine(line)
		var faults refund.Invalid
		if errors.As(err, &faults) {
			row.Faults = faults
		} else if err != nil {
			row.Faults.Add("row", err.Error())
		}
		return row, nil
	}
}

// read returns one line, of which no more than MaxLine is kept.
func (j *jsonLines) read() (line []byte, number int, long bool, err error) {
	number = j.line
	for {
		part, err := j.in.ReadSlice('\n')
		if room := MaxLine - len(line); len(part) > room {
			part, long = part[:room], true
		}
		line = append(line, part...)
		switch {
		case err == nil:
			j.line++
			return line, number, long, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, number, long, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, number, false, err
		}
	}
}

// decodeLine reads a request. A field that comes twice or in another spelling
// is refused, which encoding/json would take; the fields of a file of rejected
// rows are read over.
func decodeLine(line []byte) (refund.Request, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return refund.Request{}, refund.Invalid{{Field: "row", Rule: "must be one JSON object"}}
	}
	var faults refund.Invalid
	seen := map[string]bool{}
	kept := bytes.NewBufferString("{")
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return refund.Request{}, unreadable(err)
		}
		name, _ := key.(string) // More and a closed object leave nothing else
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return refund.Request{}, unreadable(err)
		}
		switch {
		case seen[name]:
			faults.Add(clip(name), "comes twice")
		case rejectColumn(name):
		case columns[name] == nil && name != "version":
			faults.Add(clip(name), "is not a field of a refund")
		default:
			if kept.Len() > 1 {
				kept.WriteByte(',')
			}
			fmt.Fprintf(kept, "%q:%s", name, value)
		}
		seen[name] = true
	}
	if _, err := dec.Token(); err != nil {
		return refund.Request{}, unreadable(err)
	}
	kept.WriteByte('}')
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		faults.Add("row", "must be one JSON object with nothing after it")
	}
	r, err := refund.DecodeRequest(kept.Bytes())
	var more refund.Invalid
	if errors.As(err, &more) {
		faults = append(faults, more...)
	} else if err != nil {
		return r, err
	}
	if r.Version > 1 || r.Version < 0 {
		faults.Add("version", fmt.Sprintf("must be 1, is %d", r.Version))
	}
	return r, faults.Err()
}

func unreadable(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends in its middle")
	}
	return refund.Invalid{{Field: "row", Rule: "is not readable JSON: " + err.Error()}}
}

// clip keeps a field's name, which may be anything, short.
func clip(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}
