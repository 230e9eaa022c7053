package htpasswd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// The costs of bcrypt that are accepted. Below the first a stolen file is soon
// guessed; above the second each login takes a core for a second or more.
const (
	MinCost = 10
	MaxCost = 14
)

// MaxName is the longest name of a person, in bytes.
const MaxName = 64

// File is the content of a password file. It may be used concurrently.
type File struct {
	entries map[string][]byte // hashes by name
	nobody  []byte            // compared with where the name is unknown
}

// Fault is an entry that is not accepted.
type Fault struct {
	Line int
	Name string // may be empty; at most MaxName bytes of printable text
	Rule string
}

// Error returns "line 3 (bob): rule".
func (f Fault) Error() string {
	if f.Name == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Rule)
	}
	return fmt.Sprintf("line %d (%s): %s", f.Line, f.Name, f.Rule)
}

// Parse reads a file: a line "name:hash" for each person, as `htpasswd -B`
// writes it; empty lines and those that begin with # are passed over. The File
// holds the entries that are accepted, also where there are faults.
func Parse(raw []byte) (*File, []Fault) {
	f := &File{entries: map[string][]byte{}}
	var faults []Fault
	dearest, seen := MinCost, map[string]bool{}
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fault := func(name, rule string) { faults = append(faults, Fault{i + 1, name, rule}) }
		name, hash, ok := strings.Cut(line, ":")
		if !ok || !ValidName(name) {
			fault("", "must be name:hash, the name 1 to 64 printable characters without spaces, commas and colons")
			continue
		}
		if seen[name] {
			delete(f.entries, name) // which of the two is meant is not ours to guess
			fault(name, "is in the file twice; remove one of them")
			continue
		}
		seen[name] = true
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case !strings.HasPrefix(hash, "$2") || err != nil || len(hash) != 60:
			fault(name, "is not a bcrypt hash; make it with htpasswd -B -C 12")
		case cost < MinCost || cost > MaxCost:
			fault(name, fmt.Sprintf("has a bcrypt cost of %d; make it with htpasswd -B -C 12 (%d to %d are accepted)", cost, MinCost, MaxCost))
		default:
			f.entries[name] = []byte(hash)
			dearest = max(dearest, cost)
		}
	}
	f.nobody = nobody(dearest)
	return f, faults
}

// nobody is a hash of that cost that no password is known for.
func nobody(cost int) []byte {
	return fmt.Appendf(nil, "$2y$%02d$%s", cost, strings.Repeat("./ab", 13)+".")
}

// Check reports whether the password is that person's. It takes some tenths of
// a second of a core, also where the name is unknown.
func (f *File) Check(name, password string) bool {
	hash, known := f.entries[name]
	if !known {
		hash = f.nobody
	}
	// As bcrypt and Apache do it: what is past the 72nd byte does not count.
	if len(password) > 72 {
		password = password[:72]
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known
}

// Mark changes when the person's password does; it is empty for a name that is
// not in the file. The password can't be worked out from it.
func (f *File) Mark(name string) string {
	hash, ok := f.entries[name]
	if !ok {
		return ""
	}
	sum := sha256.Sum256(hash)
	return hex.EncodeToString(sum[:8])
}

// Len is the number of people in the file.
func (f *File) Len() int { return len(f.entries) }

// ValidName reports whether a person can have that name, here and in the lists
// of those who may see or act. It stands in histories and in logs.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && utf8.ValidString(name) && name != "*" &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == ',' || r == ':' }) < 0
}
