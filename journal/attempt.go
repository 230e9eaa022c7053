package journal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

// Attempt is one call of the provider's refund endpoint.
type Attempt struct {
	Number    int              `json:"number"`
	StartedAt time.Time        `json:"started_at,omitzero"` // when it was written ahead, by Redis's clock
	EndedAt   time.Time        `json:"ended_at,omitzero"`   // reckoned from that: some milliseconds late rather than early
	Outcome   string           `json:"outcome"`
	Code      string           `json:"code"`
	Message   string           `json:"message"`
	Baseline  string           `json:"baseline,omitempty"` // minor units, as text
	Minor     string           `json:"minor,omitempty"`    // minor units sent, as text
	Parts     []providers.Part `json:"parts,omitempty"`
	entry     int64            // of the history, which says when it was started
}

// AttemptList returns the attempts, oldest first.
func (r *Record) AttemptList() ([]Attempt, error) {
	list := make([]Attempt, 0, r.Attempts)
	for n := 1; n <= r.Attempts; n++ {
		a, err := r.readAttempt(n)
		if err != nil {
			return nil, fmt.Errorf("journal: attempt %d of refund %s is unreadable: %w", n, r.ID, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// Said is the attempt in one line, without its parts.
func (a Attempt) Said() string {
	code, message := "", ""
	if a.Code != "" {
		code = " (" + a.Code + ")"
	}
	if a.Message != "" {
		message = ": " + a.Message
	}
	return "attempt " + strconv.Itoa(a.Number) + ": " + a.Outcome + code + message
}

// EndAttempt is the last attempt with its end, for the step that it leads to. A step
// whose note is what Said says keeps the message once for both.
func (r *Record) EndAttempt(ended time.Time, outcome, code, message string, parts []providers.Part) *Attempt {
	a := r.attempt(r.Attempts)
	a.EndedAt, a.Outcome, a.Code, a.Message, a.Parts = ended, outcome, code, message, parts
	return &a
}

// Ended reports whether the end of an attempt is written down with this outcome,
// code and time, which is kept in milliseconds.
func (r *Record) Ended(attempt int, ended time.Time, outcome, code string) bool {
	a := r.attempt(attempt)
	return a.EndedAt.Equal(ended.Truncate(time.Millisecond)) && a.Outcome == outcome && a.Code == code
}

// AttemptStart is when the last attempt was written ahead.
func (r *Record) AttemptStart() time.Time { return r.started(r.Attempts) }

// AttemptCode is the code that the last attempt ended with.
func (r *Record) AttemptCode() string { return r.attempt(r.Attempts).Code }

// LastAttempt returns the last attempt; the zero one if there was none.
func (r *Record) LastAttempt() Attempt {
	if r.Attempts == 0 {
		return Attempt{}
	}
	return r.attempt(r.Attempts)
}

func (r *Record) attempt(n int) Attempt {
	a, err := r.readAttempt(n)
	if err != nil {
		return Attempt{Number: n} // an unreadable entry loses its figures, never the attempt
	}
	return a
}

// An attempt is stored as a list, because Redis keeps a record small only where no
// value is longer than 64 bytes, and without what is elsewhere in the record: the
// number of the entry in the history that says when it began, how many ms it took, the
// number of the entry whose note is what it Said, 0 for none, its outcome, code,
// baseline, minor units unless they are those that were asked for, its message unless
// an entry has it, and the parts. What is empty at the end is left out.

// running is the outcome of an attempt that has not ended.
const running = "running"

// stored is the attempt as it is stored in r, its message in the entry said unless
// that is 0.
func (a Attempt) stored(r *Record, said int64) string {
	took := int64(0)
	if a.Outcome != running {
		took = a.EndedAt.UnixMilli() - a.StartedAt.UnixMilli()
	}
	message, minor := a.Message, a.Minor
	if said != 0 {
		message = ""
	}
	if r.Amount != nil && minor == strconv.FormatInt(*r.Amount, 10) {
		minor = ""
	}
	b := append(make([]byte, 0, 64), '[')
	b = strconv.AppendInt(b, a.entry, 10)
	b = strconv.AppendInt(append(b, ','), took, 10)
	b = strconv.AppendInt(append(b, ','), said, 10)
	texts := []string{a.Outcome, a.Code, a.Baseline, minor, message}
	for len(a.Parts) == 0 && len(texts) > 0 && texts[len(texts)-1] == "" {
		texts = texts[:len(texts)-1]
	}
	for _, text := range texts {
		b = refund.AppendText(append(b, ','), text)
	}
	if len(a.Parts) > 0 {
		b = append(append(b, ','), quote(a.Parts)...)
	}
	return string(append(b, ']'))
}

func (r *Record) readAttempt(n int) (Attempt, error) {
	a := Attempt{Number: n, StartedAt: r.started(n)}
	var took, said int64
	text := r.fields[attemptField(n)]
	rest, ok := cutNumber(text, "[", &a.entry)
	for _, into := range [...]*int64{&took, &said} {
		if ok {
			rest, ok = cutNumber(rest, ",", into)
		}
	}
	for _, into := range [...]*string{&a.Outcome, &a.Code, &a.Baseline, &a.Minor, &a.Message} {
		if ok && rest != "]" {
			rest, ok = cutText(rest, into)
		}
	}
	if !ok || rest != "]" {
		took, said, a = 0, 0, Attempt{Number: n, StartedAt: a.StartedAt}
		if err := json.Unmarshal([]byte(text), &[]any{&a.entry, &took, &said, &a.Outcome, &a.Code, &a.Baseline, &a.Minor, &a.Message, &a.Parts}); err != nil {
			return a, err
		}
	}
	if a.Outcome != running {
		a.EndedAt = time.UnixMilli(a.StartedAt.UnixMilli() + took).UTC()
	}
	if a.Minor == "" && r.Amount != nil {
		a.Minor = strconv.FormatInt(*r.Amount, 10)
	}
	if said != 0 {
		l, err := readLine(r.fields[entryField(said)])
		if err != nil {
			return a, err
		}
		a.Message = strings.TrimPrefix(strings.TrimPrefix(l.note, a.Said()), ": ")
	}
	return a, nil
}

// started is when an attempt began, without reading the rest of it.
func (r *Record) started(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	entry, _, _ := strings.Cut(strings.TrimPrefix(r.fields[attemptField(n)], "["), ",")
	return millis(lineTime(r.fields["h:"+entry]))
}

func attemptField(n int) string { return "a:" + strconv.Itoa(n) }
