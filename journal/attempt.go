package journal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"refundworker/providers"
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

// EndAttempt adds the end of the last attempt to the fields of a step.
func (r *Record) EndAttempt(set map[string]string, ended time.Time, outcome, code, message string, parts []providers.Part) {
	a := r.attempt(r.Attempts)
	a.EndedAt, a.Outcome, a.Code, a.Message, a.Parts = ended, outcome, code, message, parts
	set[attemptField(r.Attempts)] = a.stored()
}

// Ended reports whether the end of an attempt is written down with this outcome,
// code and time, which is kept in milliseconds.
func (r *Record) Ended(attempt int, ended time.Time, outcome, code string) bool {
	a := r.attempt(attempt)
	return a.EndedAt.Equal(ended.Truncate(time.Millisecond)) && a.Outcome == outcome && a.Code == code
}

// AttemptStart is when the last attempt was written ahead.
func (r *Record) AttemptStart() time.Time { return millis(r.fields[startField(r.Attempts)]) }

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

// stored is an attempt as the record keeps it, without its number and its start,
// which Redis stamps: a list, because Redis keeps a record small only where no
// value is longer than 64 bytes.
func (a Attempt) stored() string {
	var ended int64
	if !a.EndedAt.IsZero() {
		ended = a.EndedAt.UnixMilli()
	}
	b := append(make([]byte, 0, 64), '[')
	b = strconv.AppendInt(b, ended, 10)
	for _, text := range [...]string{a.Outcome, a.Code, a.Baseline, a.Minor} {
		b = appendText(append(b, ','), text)
	}
	if a.Message != "" || len(a.Parts) > 0 {
		b = appendText(append(b, ','), a.Message)
	}
	if len(a.Parts) > 0 {
		b = append(append(b, ','), quote(a.Parts)...)
	}
	return string(append(b, ']'))
}

func (r *Record) readAttempt(n int) (Attempt, error) {
	a := Attempt{Number: n, StartedAt: millis(r.fields[startField(n)])}
	text := r.fields[attemptField(n)]
	read := a
	ended, rest, ok := cutNumber(text)
	for _, into := range [...]*string{&read.Outcome, &read.Code, &read.Baseline, &read.Minor, &read.Message} {
		if ok && rest != "]" {
			*into, rest, ok = cutText(rest)
		}
	}
	var err error
	if ok && rest == "]" {
		a = read
	} else {
		err = json.Unmarshal([]byte(text), &[]any{&ended, &a.Outcome, &a.Code, &a.Baseline, &a.Minor, &a.Message, &a.Parts})
	}
	if ended != 0 {
		a.EndedAt = time.UnixMilli(ended).UTC()
	}
	return a, err
}

func attemptField(n int) string { return "a:" + strconv.Itoa(n) }

func startField(n int) string { return attemptField(n) + ":at" }
