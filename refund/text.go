package refund

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// These read JSON where it matters how it is written: here that of requests, in
// package providers that of answers.

// EndOfText is behind the closing quote of the JSON text that begins at i; -1: none.
func EndOfText(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// TextOf is what a JSON text, with its quotes, stands for.
func TextOf(text []byte) ([]byte, error) {
	plain := text[1 : len(text)-1]
	if !slices.ContainsFunc(plain, func(c byte) bool { return c == '\\' || c < ' ' }) && utf8.Valid(plain) {
		return plain, nil
	}
	var name string
	err := json.Unmarshal(text, &name)
	return []byte(name), err
}

// FoldName is a name up and down again, as encoding/json folds: ſ is a spelling of s.
func FoldName(name []byte) []byte {
	if !slices.ContainsFunc(name, func(c byte) bool { return c >= 'A' && c <= 'Z' || c > '~' }) {
		return name
	}
	return bytes.ToLower(bytes.ToUpper(name))
}
