package journal

import "fmt"

// Stored is a record as it is read again: what its last change has to tell is not
// part of it.
func Stored(rec *Record) *Record {
	stored := *rec
	stored.untold = nil
	return &stored
}

// EntryLine is an entry of the history but for its time.
var EntryLine = entryLine

// StoredAttempt is an attempt as it is stored, and ReadAttempt reads it again.
func StoredAttempt(a Attempt) string { return a.stored(&Record{}, 0) }

func ReadAttempt(text string) (Attempt, error) {
	return (&Record{fields: map[string]string{attemptField(1): text}}).readAttempt(1)
}

// ReadLine reads an entry of the history, and tells all that it found.
func ReadLine(text string) (string, error) {
	l, err := readLine(text)
	return fmt.Sprint(l.at, string(l.to), l.by, l.again, l.note), err
}
