package journal

// Stored is a record as it is read again: what its last change has to tell is not
// part of it.
func Stored(rec *Record) *Record {
	stored := *rec
	stored.untold = nil
	return &stored
}
