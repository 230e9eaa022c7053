package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
	var last Entry
	attempt := 0
	for seq := int64(1); seq <= r.Seq; seq++ {
		line, err := readLine(r.fields[entryField(seq)])
		if err != nil {
			return nil, fmt.Errorf("journal: entry %d in the history of refund %s is unreadable: %w", seq, r.ID, err)
		}
		e := Entry{Seq: seq, At: millis(strconv.FormatInt(line.at, 10)), From: last.To, To: line.to, By: line.by, Note: line.note}
		if line.again {
			e.By = last.By
		}
		if e.To == refund.Sending && e.From != refund.Sending {
			attempt++
			e.Note = cmp.Or(e.Note, "attempt "+strconv.Itoa(attempt))
		}
		list = append(list, e)
		last = e
	}
	return list, nil
}

func entryField(seq int64) string { return "h:" + strconv.FormatInt(seq, 10) }

// entryLine is an entry of the history as it is stored, a JSON list, but for its
// beginning, "[" and the time in ms, which the script writes: the state that it came
// to, who did it, 0 for who did what is in the entry before, and the note if there is
// one, which for the beginning of an attempt goes without saying. Its number is that
// of the field, and the state that it comes from is where the entry before it went.
func entryLine(to refund.State, by, note string, again bool) string {
	b := refund.AppendText(append(make([]byte, 0, 64), ','), string(to))
	if b = append(b, ','); again {
		b = append(b, '0')
	} else {
		b = refund.AppendText(b, by)
	}
	if note != "" {
		b = refund.AppendText(append(b, ','), note)
	}
	return string(append(b, ']'))
}

// line is an entry of the history as it is stored.
type line struct {
	at       int64 // ms
	to       refund.State
	by, note string
	again    bool // by whom the entry before is
}

func readLine(text string) (line, error) {
	var l line
	var to string
	rest, ok := cutNumber(text, "[", &l.at)
	if ok {
		rest, ok = cutText(rest, &to)
	}
	if after, again := strings.CutPrefix(rest, ",0"); again {
		rest, l.again = after, true
	} else if ok {
		rest, ok = cutText(rest, &l.by)
	}
	if ok && rest != "]" {
		rest, ok = cutText(rest, &l.note)
	}
	if ok && rest == "]" {
		l.to = refund.State(to)
		return l, nil
	}
	l = line{}
	var by any
	err := json.Unmarshal([]byte(text), &[]any{&l.at, &l.to, &by, &l.note})
	l.by, _ = by.(string)
	l.again = by == 0.0
	return l, err
}

// lineTime is the time in an entry, in ms.
func lineTime(text string) string {
	at, _, _ := strings.Cut(text, ",")
	return strings.TrimPrefix(at, "[")
}

// lastBy reports whether the record's last entry is by that name, as far as the
// record was read.
func (r *Record) lastBy(name string) bool {
	for seq := r.Seq; seq > 0; seq-- {
		_, rest, _ := strings.Cut(r.fields[entryField(seq)], ",")
		if _, rest, _ = strings.Cut(rest, ","); !strings.HasPrefix(rest, "0") {
			return strings.HasPrefix(rest, string(refund.AppendText(nil, name)))
		}
	}
	return false
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
