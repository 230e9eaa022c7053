package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with the file. It never holds a secret, nor a value
// that came from the environment or from another file.
type Fault struct {
	File string
	Line int    // 0 when the file as a whole is meant
	Path string // the key with its parents, "providers.unitpay.timeout"; empty when no key is meant
	Rule string // what must be so, and how to put it right
}

// Error returns "FILE:LINE: KEY.PATH: rule".
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Rule)
	return b.String()
}

// Faults are all things wrong with the file, by line. It is what Load returns
// as its error.
type Faults []Fault

// Error returns the faults, one per line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the faults in the file's order.
func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return fs
}

// clip quotes a short piece of the file for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
