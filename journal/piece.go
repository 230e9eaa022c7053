package journal

import (
	"strconv"
	"strings"
)

// Redis keeps a hash in one small piece of memory while none of its values is longer
// than 64 bytes (hash-max-listpack-value); beyond that each field costs an entry in a
// table, two allocations and about three times the memory. A company's words, or a
// receipt, would be enough. So a longer value is stored in pieces: reason, reason+1,
// reason+2, and so on. A very long one is not: walking over that many pieces would
// cost more time than the table costs memory.
const (
	pieceBytes = 64
	mostPieces = 16
)

// pieces is how many fields a value is stored in.
func pieces(value string) int {
	n := (len(value) + pieceBytes - 1) / pieceBytes
	if n < 1 || n > mostPieces {
		return 1
	}
	return n
}

func pieceField(field string, n int) string {
	if n == 0 {
		return field
	}
	return field + "+" + strconv.Itoa(n)
}

// store appends a field and its value as they are stored: one field, or several.
func store(args []any, field, value string) []any {
	last := pieces(value) - 1
	for n := range last {
		args = append(args, pieceField(field, n), value[:pieceBytes])
		value = value[pieceBytes:]
	}
	return append(args, pieceField(field, last), value)
}

// storeRest appends all of a field but its first piece.
func storeRest(args []any, field, rest string) []any {
	for n := 1; rest != ""; n++ {
		piece := rest[:min(pieceBytes, len(rest))]
		args = append(args, pieceField(field, n), piece)
		rest = rest[len(piece):]
	}
	return args
}

// stored puts the pieces of values together again, in place.
func stored(fields map[string]string) {
	for name := range fields {
		field, long := strings.CutSuffix(name, "+1")
		if !long {
			continue
		}
		value := fields[field]
		for n := 1; ; n++ {
			piece, there := fields[pieceField(field, n)]
			if !there {
				break
			}
			value += piece
			delete(fields, pieceField(field, n))
		}
		fields[field] = value
	}
}
