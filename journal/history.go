package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"refundworker/refund"
)

// Entry is one line of a refund's history.
type Entry struct {
	Seq  int64        `json:"seq"`
	At   time.Time    `json:"at"`
	From refund.State `json:"from"`
	To   refund.State `json:"to"`
	By   string       `json:"by"`
	Note string       `json:"note"`
}

// History returns the refund's history as it was when r was read, oldest first.
func (j *Journal) History(ctx context.Context, r *Record) ([]Entry, error) {
	r, err := j.whole(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("journal: read history: %w", err)
	}
	list := make([]Entry, 0, r.Seq)
	var state refund.State
	for seq := int64(1); seq <= r.Seq; seq++ {
		e, at := Entry{Seq: seq, From: state}, int64(0)
		if err := json.Unmarshal([]byte(r.fields[entryField(seq)]), &[]any{&at, &e.To, &e.By, &e.Note}); err != nil {
			return nil, fmt.Errorf("journal: entry %d in the history of refund %s is unreadable: %w", seq, r.ID, err)
		}
		e.At = millis(strconv.FormatInt(at, 10))
		list = append(list, e)
		state = e.To
	}
	return list, nil
}

func entryField(seq int64) string { return "h:" + strconv.FormatInt(seq, 10) }

// entryLine is an entry of the history as it is stored, a JSON list, but for its
// beginning, "[" and the time in ms, which the script writes. Its number is that of
// the field, and the state that it comes from is where the entry before it went.
func entryLine(to refund.State, by, note string) string {
	b := appendText(append(make([]byte, 0, 64), ','), string(to))
	b = appendText(append(b, ','), by)
	if note != "" {
		b = appendText(append(b, ','), note)
	}
	return string(append(b, ']'))
}

// entryTime is how much of an entry's first piece its beginning takes.
const entryTime = len("[1767268800000")

// entryHead cuts an entry's line into what belongs to its first piece and the rest.
func entryHead(line string) (head, rest string) {
	if len(line) <= pieceBytes-entryTime || len(line) > mostPieces*pieceBytes-entryTime {
		return line, ""
	}
	return line[:pieceBytes-entryTime], line[pieceBytes-entryTime:]
}
