package journal

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
func StoredAttempt(a Attempt) string { return a.stored() }

func ReadAttempt(text string) (Attempt, error) {
	return (&Record{fields: map[string]string{attemptField(1): text}}).readAttempt(1)
}
